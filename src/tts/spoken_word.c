/*
 * Normaliser: words that are not said as they are written: abbreviations, acronyms, codes, Roman numbers. See
 * spoken_private.h.
 *
 * An acronym is capitals only. It is spelled, unless the list says that it is said as a word, or it has four
 * letters or more with a vowel among them and is not on the list of those that are spelled nevertheless.
 */
#include "tts/spoken_private.h"

#include <string.h>

enum { MAX_ACRONYM = 6, MAX_CODE = 24 };

/* ---- abbreviations ---- */

enum where {
    ANYWHERE,
    BEFORE_NAME,   /* a capital follows */
    BEFORE_NUMBER, /* a digit follows */
    BEHIND_NAME,   /* a capital word stands before */
};

static const struct {
    const char *written, *said;
    enum where where;
} abbreviations[] = {
    {"e.g.", "for example", ANYWHERE},
    {"E.g.", "For example", ANYWHERE},
    {"i.e.", "that is", ANYWHERE},
    {"I.e.", "That is", ANYWHERE},
    {"etc.", "et cetera", ANYWHERE},
    {"vs.", "versus", ANYWHERE},
    {"vs", "versus", ANYWHERE},
    {"et al.", "and others", ANYWHERE},
    {"a.k.a.", "also known as", ANYWHERE},
    {"aka", "also known as", ANYWHERE},
    {"cf.", "compare", ANYWHERE},
    {"viz.", "namely", ANYWHERE},
    {"ca.", "circa", BEFORE_NUMBER},
    {"approx.", "approximately", ANYWHERE},
    {"Approx.", "Approximately", ANYWHERE},
    {"dept.", "department", ANYWHERE},
    {"Dept.", "Department", ANYWHERE},
    {"incl.", "including", ANYWHERE},
    {"excl.", "excluding", ANYWHERE},
    {"w/o", "without", ANYWHERE},
    {"w/", "with", ANYWHERE},
    {"Ph.D.", "P H D", ANYWHERE},
    {"PhD", "P H D", ANYWHERE},
    {"Mr.", "Mister", ANYWHERE},
    {"Mrs.", "Missus", ANYWHERE},
    {"Ms.", "Ms", BEFORE_NAME},
    {"Dr.", "Doctor", BEFORE_NAME},
    {"Dr.", "Drive", BEHIND_NAME},
    {"St.", "Saint", BEFORE_NAME},
    {"St.", "Street", BEHIND_NAME},
    {"Prof.", "Professor", ANYWHERE},
    {"Gen.", "General", BEFORE_NAME},
    {"Sen.", "Senator", BEFORE_NAME},
    {"Rep.", "Representative", BEFORE_NAME},
    {"Gov.", "Governor", BEFORE_NAME},
    {"Capt.", "Captain", BEFORE_NAME},
    {"Lt.", "Lieutenant", BEFORE_NAME},
    {"Col.", "Colonel", BEFORE_NAME},
    {"Sgt.", "Sergeant", BEFORE_NAME},
    {"Rev.", "Reverend", BEFORE_NAME},
    {"Hon.", "Honorable", BEFORE_NAME},
    {"Mt.", "Mount", BEFORE_NAME},
    {"Ft.", "Fort", BEFORE_NAME},
    {"Jr.", "Junior", BEHIND_NAME},
    {"Sr.", "Senior", BEHIND_NAME},
    {"Inc.", "Incorporated", BEHIND_NAME},
    {"Ltd.", "Limited", BEHIND_NAME},
    {"Corp.", "Corporation", BEHIND_NAME},
    {"Co.", "Company", BEHIND_NAME},
    {"Bros.", "Brothers", BEHIND_NAME},
    {"Ave.", "Avenue", BEHIND_NAME},
    {"Blvd.", "Boulevard", BEHIND_NAME},
    {"Rd.", "Road", BEHIND_NAME},
    {"No.", "number", BEFORE_NUMBER},
    {"no.", "number", BEFORE_NUMBER},
    {"Nos.", "numbers", BEFORE_NUMBER},
    {"Fig.", "figure", BEFORE_NUMBER},
    {"fig.", "figure", BEFORE_NUMBER},
    {"Figs.", "figures", BEFORE_NUMBER},
    {"Vol.", "volume", BEFORE_NUMBER},
    {"vol.", "volume", BEFORE_NUMBER},
    {"Ch.", "chapter", BEFORE_NUMBER},
    {"ch.", "chapter", BEFORE_NUMBER},
    {"Sec.", "section", BEFORE_NUMBER},
    {"sec.", "section", BEFORE_NUMBER},
    {"Eq.", "equation", BEFORE_NUMBER},
    {"pp.", "pages", BEFORE_NUMBER},
    {"p.", "page", BEFORE_NUMBER},
    {"Tel.", "telephone", ANYWHERE},
    {"Mon.", "Monday", ANYWHERE},
    {"Tue.", "Tuesday", ANYWHERE},
    {"Wed.", "Wednesday", ANYWHERE},
    {"Thu.", "Thursday", ANYWHERE},
    {"Fri.", "Friday", ANYWHERE},
};

static bool ends_text(const struct spoken *s, size_t i)
{
    while (i < s->n && !spoken_is_alnum(s->c[i]) && s->c[i] < 0x80)
        i++;
    return i >= s->n;
}

static bool fits_place(const struct spoken *s, enum where where, size_t i, size_t end)
{
    uint32_t next = spoken_at(s, spoken_past_blank(s, end));
    size_t k = i;

    if (where == BEFORE_NAME)
        return spoken_is_upper(next);
    if (where == BEFORE_NUMBER)
        return spoken_is_digit(next) || next == '#';
    if (where == ANYWHERE)
        return true;
    k -= k && spoken_at(s, k - 1) == ' ';
    k -= k && spoken_at(s, k - 1) == ',';
    if (!k || k == i || !spoken_is_alnum(spoken_at(s, k - 1)))
        return false;
    while (k && spoken_is_alnum(spoken_at(s, k - 1)))
        k--;
    return spoken_is_upper(spoken_at(s, k)) || spoken_is_digit(spoken_at(s, k));
}

static size_t abbreviation(struct spoken *s, size_t i)
{
    for (size_t k = 0; k < sizeof abbreviations / sizeof *abbreviations; k++) {
        const char *written = abbreviations[k].written;
        size_t n = spoken_at(s, i) == (unsigned char)*written ? spoken_is(s, i, written) : 0;
        if (!n)
            continue;
        bool stop = written[strlen(written) - 1] == '.', slash = strchr(written, '/') != NULL;
        uint32_t next = spoken_at(s, i + n);
        if (!stop && !slash && (spoken_is_alnum(next) || next == '.'))
            continue;
        if (!strcmp(written, "w/") && next != ' ')
            continue;
        if (!fits_place(s, abbreviations[k].where, i, i + n))
            continue;
        if (s->zh && !strcmp(abbreviations[k].said, "number"))
            return spoken_say_text(s, i, spoken_past_blank(s, i + n), "第");
        return spoken_say_text(s, i, i + n - (stop && ends_text(s, i + n)), abbreviations[k].said);
    }
    return 0;
}

/* "U.S.", "J. K." stays; letters with stops between them. */
static size_t dotted_letters(struct spoken *s, size_t i)
{
    char letters[MAX_CODE];
    size_t n = 0, at = i;
    struct ac_str w = {0};

    while (n < MAX_CODE && spoken_is_letter(spoken_at(s, at)) && spoken_at(s, at + 1) == '.') {
        letters[n++] = (char)(spoken_at(s, at) & ~0x20u);
        at += 2;
    }
    if (n < 2 || spoken_is_alnum(spoken_at(s, at)))
        return 0;
    spoken_spell(&w, letters, n);
    return spoken_say(s, i, at - ends_text(s, at), &w);
}

/* ---- acronyms ---- */

void spoken_spell(struct ac_str *w, const char *letters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char one[2] = {letters[i], '\0'};
        if (w->len && w->p[w->len - 1] != ' ' && w->p[w->len - 1] != '-')
            ac_str_add(w, " ");
        ac_str_add(w, one);
    }
}

/* Said as a word, or a word in capitals. */
static const char as_words[] =
    "nasa nato unesco unicef opec covid laser ram rom sim pin gif jpeg radar ascii scuba aids sars json yaml "
    "lan "
    "wan bios cad captcha nasdaq asean fifa uefa swat ted midi posix cuda bert crud rest raid dos apec brics "
    "hipaa osha gan lora ebola naca ikea lego visa saas paas oled amoled cern mips risc wasm "
    "the and for not but you are was has had his her its our out all any can new now one two yes may how "
    "why "
    "get got let see use way day man too did say she him old big end top off own set key run red hot ok am "
    "as at "
    "be "
    "by do go he if in is me my no of on or so to up we";
static const char as_letters[] =
    "ceo cfo cto coo eta faq api usa uae eu uk ai ui ux ip io us it id iq ibm usb cpu gpu tpu npu ufo vip "
    "diy atm "
    "iot icu mri nba nfl ieee oecd asap html aaa aids uefi imap vpn ieee ncaa adhd aarp naacp ebay ascap "
    "iaea "
    "cuny iupac ioc iso oem oop ocr ide sdk aws gcp epa fda ipo roi kpi seo rna dna auc";

static bool has_vowel(const char *letters, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strchr("AEIOUY", letters[i]))
            return true;
    return false;
}

static bool is_spelled(const char *letters, size_t n)
{
    char lower[MAX_CODE];

    for (size_t i = 0; i < n; i++)
        lower[i] = (char)(letters[i] | 0x20);
    lower[n] = '\0';
    if (n < 2 || n > MAX_ACRONYM || !has_vowel(letters, n))
        return n <= MAX_ACRONYM;
    if (spoken_listed(lower, as_letters))
        return true;
    return n <= 3 && !spoken_listed(lower, as_words);
}

void spoken_acronym(struct ac_str *w, const char *letters, size_t n)
{
    if (n < MAX_CODE && is_spelled(letters, n)) {
        spoken_spell(w, letters, n);
        return;
    }
    if (w->len && w->p[w->len - 1] != ' ')
        ac_str_add(w, " ");
    ac_str_add_n(w, letters, n);
}

/* Most words of the sentence are in capitals: none of them is an acronym for that. */
static bool is_shouted(const struct spoken *s)
{
    size_t upper = 0, lower = 0;

    for (size_t i = 0; i < s->n; i++) {
        upper += spoken_is_upper(s->c[i]);
        lower += spoken_is_lower(s->c[i]) || spoken_is_han(s->c[i]);
    }
    return upper > 12 && upper > 2 * lower;
}

static size_t copy(const struct spoken *s, size_t i, size_t n, char *letters)
{
    for (size_t k = 0; k < n; k++)
        letters[k] = (char)spoken_at(s, i + k);
    letters[n] = '\0';
    return n;
}

/* FBI, CPUs, AT&T, Q&A */
static size_t acronym(struct spoken *s, size_t i, size_t n)
{
    char letters[MAX_CODE + 1];
    struct ac_str w = {0};
    size_t caps = 0;

    while (caps < n && spoken_is_upper(spoken_at(s, i + caps)))
        caps++;
    if (!caps || caps > MAX_ACRONYM)
        return 0;
    copy(s, i, caps, letters);
    if (caps == n && spoken_at(s, i + n) == '&' && spoken_is_upper(spoken_at(s, i + n + 1)) &&
        !spoken_is_lower(spoken_at(s, i + n + 2))) {
        if (caps < 3)
            spoken_spell(&w, letters, caps);
        else
            spoken_acronym(&w, letters, caps);
        if (s->zh)
            ac_str_add(&w, "和");
        else
            spoken_en_add(&w, "and");
        return spoken_say(s, i, i + n + 1, &w);
    }
    bool plural = n == caps + 1 && spoken_at(s, i + caps) == 's';
    if (caps < 2 || !(caps == n || plural) || !is_spelled(letters, caps) || is_shouted(s))
        return 0;
    spoken_spell(&w, letters, caps);
    if (plural)
        ac_str_add(&w, "'s");
    return spoken_say(s, i, i + n, &w);
}

/* ChatGPT, OpenAI, iOS: a word with an acronym at its end. */
static size_t tail_acronym(struct spoken *s, size_t i, size_t n)
{
    char letters[MAX_CODE + 1];
    size_t caps = 0;
    struct ac_str w = {0};

    while (caps < n && spoken_is_upper(spoken_at(s, i + n - 1 - caps)))
        caps++;
    if (caps < 2 || caps == n || n >= MAX_CODE)
        return 0;
    copy(s, i, n, letters);
    for (size_t k = 1; k < n - caps; k++)
        if (!spoken_is_lower((unsigned char)letters[k]))
            return 0;
    if (!is_spelled(letters + n - caps, caps))
        return 0;
    ac_str_add_n(&w, letters, n - caps);
    spoken_spell(&w, letters + n - caps, caps);
    return spoken_say(s, i, i + n, &w);
}

/* ---- codes ---- */

static void add_code_digits(const struct spoken *s, struct ac_str *w, const char *digits, size_t n)
{
    if (!s->zh) {
        size_t len = w->len;
        bool article = len == 1 && w->p[0] == 'A';
        if (!article) {
            spoken_en_code(w, digits, n);
            return;
        }
        struct ac_str number = {0}; /* "A three" would be read as the article */
        spoken_en_code(&number, digits, n);
        ac_str_addf(w, "-%s", number.p);
        ac_str_free(&number);
    } else if (n <= 2 && digits[0] != '0') {
        spoken_zh_integer(w, digits, n);
    } else {
        spoken_zh_digits(w, digits, n, false);
    }
}

static void add_code_letters(struct ac_str *w, const char *letters, size_t n, bool first)
{
    bool upper = true, vowel = false;

    for (size_t i = 0; i < n; i++) {
        upper = upper && spoken_is_upper((unsigned char)letters[i]);
        vowel = vowel || strchr("aeiouAEIOU", letters[i]);
    }
    if (upper && n < 3) {
        spoken_spell(w, letters, n);
        return;
    }
    if (upper || (first && n <= 3 && !vowel)) {
        spoken_acronym(w, letters, n);
        return;
    }
    if (w->len && w->p[w->len - 1] != ' ' && (unsigned char)w->p[w->len - 1] < 0x80)
        ac_str_add(w, " ");
    ac_str_add_n(w, letters, n);
}

/* A380, COVID-19, GPT-4o, H2O, MP3: runs of letters and digits, the first of them letters. */
static size_t code(struct spoken *s, size_t i)
{
    struct ac_str w = {0};
    char part[MAX_CODE + 1];
    size_t at = i, digits = 0;

    while (at - i < MAX_CODE) {
        size_t n = 0;
        while (at - i + n < MAX_CODE && spoken_is_letter(spoken_at(s, at + n)))
            n++;
        if (n) {
            if (digits && n > 3 && !spoken_is_digit(spoken_at(s, at + n)) && spoken_at(s, at - 1) == '-')
                break;
            add_code_letters(&w, part, copy(s, at, n, part), at == i);
        } else {
            n = spoken_digits(s, at);
            if (!n || n > MAX_CODE)
                break;
            add_code_digits(s, &w, part, copy(s, at, n, part));
            digits += n;
        }
        at += n;
        uint32_t c = spoken_at(s, at);
        if (c == '.' && at == i + 1 && spoken_is_digit(spoken_at(s, at + 1)) &&
            spoken_is_upper(spoken_at(s, i)))
            at++; /* H.264 */
        else if (c == '-' && spoken_is_digit(spoken_at(s, at + 1)) &&
                 spoken_is_letter(spoken_at(s, at - 1)) && (spoken_is_upper(spoken_at(s, i)) || digits))
            at++;
        else if (!spoken_is_alnum(c))
            break;
    }
    size_t part_digits = digits && spoken_at(s, at) == '.' ? spoken_digits(s, at + 1) : 0;
    if (part_digits && part_digits < 4 && spoken_at(s, at + 1 + part_digits) != '.') { /* GPT-3.5 */
        copy(s, at + 1, part_digits, part);
        if (s->zh)
            ac_str_add(&w, "点");
        else
            spoken_en_add(&w, "point");
        if (s->zh)
            spoken_zh_digits(&w, part, part_digits, false);
        else
            spoken_en_digits(&w, part, part_digits);
        at += 1 + part_digits;
    }
    if (!digits || !spoken_is_alnum(spoken_at(s, at - 1)) || spoken_is_alnum(spoken_at(s, at))) {
        ac_str_free(&w);
        return 0;
    }
    return spoken_say(s, i, at, &w);
}

/* ---- Roman numbers ---- */

static int roman(const struct spoken *s, size_t i, size_t n)
{
    static const char *const tens[] = {"", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"};
    static const char *const ones[] = {"", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"};

    for (int v = 1; v < 100 && n <= 8; v++) {
        size_t k = strlen(tens[v / 10]);
        if ((!k || spoken_is(s, i, tens[v / 10])) &&
            (v % 10 == 0 ? k == n : k + strlen(ones[v % 10]) == n && spoken_is(s, i + k, ones[v % 10])))
            return v;
    }
    return 0;
}

/* II, III, VIII, XIV: a number wherever it stands, no word or abbreviation looks so. */
static bool is_plainly_roman(const struct spoken *s, size_t i, size_t n)
{
    static const char not_so[] = "IV VI XI XX IX";
    size_t same = 0;

    for (size_t k = 0; k < n; k++)
        same += spoken_in(spoken_at(s, i + k), "IVX");
    return n > 1 && same == n && !(n == 2 && spoken_any(s, i, not_so));
}

static size_t roman_number(struct spoken *s, size_t i, size_t n)
{
    static const char counted[] =
        "war chapter part act volume section phase type class book episode level stage "
        "bowl title article tier mark rocky page vol scene";
    static const char named[] =
        "henry elizabeth louis charles george edward william james richard philip paul "
        "napoleon benedict pius catherine nicholas alexander frederick francis leo peter "
        "ivan mary ramesses pope";
    char before[SPOKEN_WORD];
    struct ac_str w = {0};
    int value = roman(s, i, n);
    uint32_t next = spoken_at(s, i + n);

    if (!value)
        return 0;
    spoken_word_before(s, i, before);
    bool cue = s->zh ? spoken_at(s, i - 1) == 0x7b2c || spoken_in(next, "型期级世类章卷部")
                     : spoken_listed(before, counted);
    bool name = !s->zh && spoken_listed(before, named) && n > 1;
    if (!cue && !name && !is_plainly_roman(s, i, n))
        return 0;
    if (s->zh)
        spoken_zh_int(&w, value);
    else if (!name)
        spoken_en_int(&w, value);
    if (name) {
        spoken_en_add(&w, "the");
        spoken_en_int_ordinal(&w, value);
    }
    return spoken_say(s, i, i + n, &w);
}

/* ---- all ---- */

static size_t special(struct spoken *s, size_t i)
{
    static const struct {
        const char *written, *said;
    } table[] = {{"C++", "C plus plus"}, {"C#", "C sharp"}, {"F#", "F sharp"},    {"Wi-Fi", "Wi-Fi"},
                 {"Q&A", "Q and A"},     {"iOS", "i O S"},  {"macOS", "mac O S"}, {"MySQL", "My S Q L"}};

    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        size_t n = spoken_is(s, i, table[k].written);
        if (n && !spoken_is_alnum(spoken_at(s, i + n)))
            return spoken_say_text(s, i, i + n, table[k].said);
    }
    return 0;
}

/* "v2.0.1" */
static size_t version(struct spoken *s, size_t i)
{
    size_t n = spoken_digits(s, i + 1);
    char before[SPOKEN_WORD];

    if (spoken_at(s, i) != 'v' || !n || n > 3 || spoken_is_letter(spoken_at(s, i + 1 + n)))
        return 0;
    spoken_word_before(s, i, before);
    if (s->zh)
        return spoken_say_text(s, i, i + 1, spoken_cue(s, i, 3, "版本") ? "" : "版本");
    return spoken_say_text(s, i, i + 1, !strcmp(before, "version") ? "" : "version");
}

size_t spoken_word(struct spoken *s, size_t i)
{
    size_t n = 0, end, len;
    bool digit = false;

    while (spoken_is_alnum(spoken_at(s, i + n))) {
        digit = digit || spoken_is_digit(spoken_at(s, i + n));
        n++;
    }
    if ((end = special(s, i)) || (end = abbreviation(s, i)))
        return end;
    if (n == 1 && (end = dotted_letters(s, i)))
        return end;
    if (spoken_is_upper(spoken_at(s, i)) && spoken_money_at(s, i, true, &len) && (end = spoken_amount(s, i)))
        return end;
    if (spoken_is_upper(spoken_at(s, i)) && (end = s->zh ? 0 : spoken_month(s, i)))
        return end;
    if ((end = version(s, i)))
        return end;
    bool hyphen = (spoken_at(s, i + n) == '-' || (n == 1 && spoken_at(s, i + 1) == '.')) &&
                  spoken_is_digit(spoken_at(s, i + n + 1));
    if ((digit || hyphen) && (end = code(s, i)))
        return end;
    if (digit)
        return 0;
    if (spoken_is_upper(spoken_at(s, i)) && (end = roman_number(s, i, n)))
        return end;
    if ((end = acronym(s, i, n)))
        return end;
    return tail_acronym(s, i, n);
}
