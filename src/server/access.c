/*
 * Tokens, origins and framing. See access.h; addresses are in addresses.c.
 */
#include "server/access.h"

#include "base/mem.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_TOKEN = 16, MAX_TOKEN = 256, MAX_TOKENS = 10000, MAX_FILE = 4 << 20 };

static const char token_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~-";

/* ---- tokens ---- */

struct ac_token_set {
    char **clients;
    size_t n_clients;
    char *admin; /* NULL = none */
};

static void wipe(char *text)
{
    if (text)
        OPENSSL_cleanse(text, strlen(text));
    free(text);
}

void ac_token_set_free(struct ac_token_set *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n_clients; i++)
        wipe(t->clients[i]);
    free(t->clients);
    wipe(t->admin);
    free(t);
}

/* What is wrong with a token, NULL = nothing. Never shows it. */
static const char *token_fault(const char *p, size_t n)
{
    if (n < MIN_TOKEN)
        return "a token is shorter than 16 characters (openssl rand -hex 24 makes a good one)";
    if (n > MAX_TOKEN)
        return "a token is longer than 256 characters";
    return strspn(p, token_letters) < n ? "a token may only have A-Z a-z 0-9 . _ ~ -" : NULL;
}

static int add_client(struct ac_token_set *t, const char *p, size_t n, const char *where, char *reason)
{
    const char *fault = t->n_clients >= MAX_TOKENS ? "there are more than 10000 tokens" : token_fault(p, n);

    if (fault) {
        snprintf(reason, AC_ACCESS_REASON, "%s: %s", where, fault);
        return AC_ECONFIG;
    }
    t->clients = ac_realloc_array(t->clients, t->n_clients + 1, sizeof *t->clients);
    t->clients[t->n_clients++] = ac_strndup(p, n);
    return 0;
}

/* Pieces between the separators, trimmed; what is empty or begins with # does not count. */
static int add_clients(struct ac_token_set *t, const char *text, const char *separators, const char *where,
                       char *reason)
{
    int err = 0;

    while (*text && !err) {
        size_t whole = strcspn(text, separators), n = whole;
        const char *p = text;
        for (; n && (*p == ' ' || *p == '\t'); n--)
            p++;
        while (n && strchr(" \t\r", p[n - 1]))
            n--;
        if (n && *p != '#')
            err = add_client(t, p, n, where, reason);
        text += whole + (text[whole] != '\0');
    }
    return err;
}

static int read_secret_file(const char *path, const char *option, char **text, char *reason)
{
    size_t len;
    int err = ac_read_file(path, MAX_FILE, text, &len);

    if (!err)
        return 0;
    snprintf(reason, AC_ACCESS_REASON, "%s: the file %.150s cannot be read: %s", option, path,
             err == AC_ENOENT ? "it does not exist" : ac_err_text(err));
    return AC_ECONFIG;
}

static int load_clients(struct ac_token_set *t, const struct ac_server_config *cfg, char *reason)
{
    static const char variable[] = "AVATAR_CHAT_CLIENT_TOKENS";
    const char *given = getenv(variable);
    char *text = NULL;
    int err = 0;

    if (cfg->client_tokens_file && *cfg->client_tokens_file) {
        err = read_secret_file(cfg->client_tokens_file, "server.client_tokens_file", &text, reason);
        if (!err)
            err = add_clients(t, text, "\n", "server.client_tokens_file", reason);
        if (!err && !t->n_clients) {
            /* an empty list must not open what it was to close */
            snprintf(reason, AC_ACCESS_REASON, "server.client_tokens_file: %.150s holds no token",
                     cfg->client_tokens_file);
            err = AC_ECONFIG;
        }
        wipe(text);
    }
    return err || !given ? err : add_clients(t, given, ",", variable, reason);
}

static int load_admin(struct ac_token_set *t, const struct ac_server_config *cfg, char *reason)
{
    const char *where = cfg->admin_token_env && *cfg->admin_token_env ? cfg->admin_token_env : "-";
    const char *given = getenv(where), *fault;
    char *text = NULL;

    if (given && *given) {
        text = ac_strdup(given);
    } else if (cfg->admin_token_file && *cfg->admin_token_file) {
        where = "server.admin_token_file";
        int err = read_secret_file(cfg->admin_token_file, where, &text, reason);
        if (err)
            return err;
    } else {
        return 0;
    }
    size_t begin = strspn(text, " \t\r\n"), n = strcspn(text + begin, " \t\r\n");
    fault = text[begin + n + strspn(text + begin + n, " \t\r\n")] ? "there is more than one token"
                                                                  : token_fault(text + begin, n);
    if (fault)
        snprintf(reason, AC_ACCESS_REASON, "%.100s: %s", where, fault);
    else
        t->admin = ac_strndup(text + begin, n);
    wipe(text);
    return fault ? AC_ECONFIG : 0;
}

int ac_token_set_load(struct ac_token_set **tokens, const struct ac_server_config *cfg, char *reason)
{
    struct ac_token_set *t = ac_zalloc(sizeof *t);
    int err = load_clients(t, cfg, reason);

    if (!err)
        err = load_admin(t, cfg, reason);
    if (err)
        ac_token_set_free(t);
    else
        *tokens = t;
    return err;
}

bool ac_token_set_for_clients(const struct ac_token_set *t)
{
    return t->n_clients > 0;
}

bool ac_token_set_for_admin(const struct ac_token_set *t)
{
    return t->admin != NULL;
}

/* The length of a token is no secret, its letters are. */
static bool same(const char *token, const char *given)
{
    size_t n = strlen(given);

    return n == strlen(token) && !CRYPTO_memcmp(token, given, n);
}

bool ac_token_set_client(const struct ac_token_set *t, const char *given)
{
    bool found = false;

    for (size_t i = 0; given && i < t->n_clients; i++)
        found |= same(t->clients[i], given);
    return found;
}

bool ac_token_set_admin(const struct ac_token_set *t, const char *given)
{
    return t->admin && given && same(t->admin, given);
}

const char *ac_bearer(const char *authorization)
{
    if (strncasecmp(authorization, "Bearer ", 7) != 0)
        return NULL;
    authorization += 7;
    return authorization + strspn(authorization, " ");
}

bool ac_protocol_token(const char *protocols, char *token, size_t size)
{
    static const char prefix[] = "token.";

    for (const char *p = protocols; *p; p += strcspn(p, ",")) {
        p += strspn(p, ", \t");
        size_t n = strcspn(p, ", \t");
        if (n <= sizeof prefix - 1 || strncmp(p, prefix, sizeof prefix - 1) != 0)
            continue;
        n -= sizeof prefix - 1;
        if (n >= size)
            return false;
        memcpy(token, p + sizeof prefix - 1, n);
        token[n] = '\0';
        return true;
    }
    return false;
}

/* ---- pages ---- */

bool ac_host_is_loopback(const char *host)
{
    unsigned char address[AC_ADDRESS_BYTES];

    if (!strncasecmp(host, "localhost", 9) && (!host[9] || host[9] == ':'))
        return true;
    return ac_address_parse(host, strlen(host), address) && ac_address_loopback(address);
}

/* Next element of a list between commas or spaces. */
static bool next_word(const char **p, const char **word, size_t *n)
{
    *p += strspn(*p, ", \t");
    *word = *p;
    *n = strcspn(*p, ", \t");
    *p += *n;
    return *n > 0;
}

static bool is_origin(const char *p, size_t n)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:[]_";
    size_t scheme = n > 8 && !strncmp(p, "https://", 8) ? 8 : n > 7 && !strncmp(p, "http://", 7) ? 7 : 0;

    return scheme && strspn(p + scheme, letters) >= n - scheme;
}

int ac_origins_check(const char *list, char *reason)
{
    const char *p = list, *word;
    size_t n;

    while (next_word(&p, &word, &n))
        if (!is_origin(word, n)) {
            snprintf(reason, AC_ACCESS_REASON,
                     "'%.*s' is no origin: write it as the browser does, https://chat.example or "
                     "http://localhost:3000",
                     (int)(n < 100 ? n : 100), word);
            return AC_ECONFIG;
        }
    return 0;
}

bool ac_origin_listed(const char *list, const char *origin)
{
    const char *p = list, *word;
    size_t n, len = strlen(origin);

    while (next_word(&p, &word, &n))
        if (n == len && !strncasecmp(word, origin, n))
            return true;
    return false;
}

int ac_frame_rule(const char *list, char *sources, size_t size, const char **x_frame_options, char *reason)
{
    bool self = !strcmp(list, "self"), none = !strcmp(list, "none");
    struct ac_str out = {0};
    const char *p = list, *word;
    size_t n;
    int err = self || none ? 0 : ac_origins_check(list, reason);

    *x_frame_options = self ? "SAMEORIGIN" : none || !*list ? "DENY" : "";
    if (err)
        return err;
    ac_str_add(&out, none || !*list ? "'none'" : "'self'");
    while (!self && !none && next_word(&p, &word, &n))
        ac_str_addf(&out, " %.*s", (int)n, word);
    if (out.len >= size) {
        snprintf(reason, AC_ACCESS_REASON, "the list is longer than %zu bytes", size - 1);
        err = AC_ECONFIG;
    } else {
        memcpy(sources, out.p, out.len + 1);
    }
    ac_str_free(&out);
    return err;
}
