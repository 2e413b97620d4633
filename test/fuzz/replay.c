/*
 * Runs a fuzz target over its corpus without libFuzzer, so that every test run has it:
 *
 *     fuzz_NAME FOLDER|FILE…
 *
 * Each file is given as it is, cut short at many places, and with a few hundred seeded changes of its bytes.
 * An input is in a block of exactly its size, so that AddressSanitizer sees any byte read past it. Fails
 * where a target fails and where there is no input at all.
 */
#include "fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"

enum { MAX_INPUT_BYTES = 1 << 20, CUTS = 64, CHANGES = 200 };

static void run(const char *data, size_t len)
{
    uint8_t *exact = malloc(len); /* of size 0 too: one byte read from it is an error */
    if (len)
        memcpy(exact, data, len);
    LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

/* Overwrites, repeats or removes a few bytes; the same for the same seed. */
static size_t change(char *bytes, size_t len, unsigned *seed)
{
    static const char liked[] = "\0\n\"'\\{}[]:,-.#<>`*%&=/ 0\x7f\x80\xc3\xe4\xf0\xff";
    for (int n = 1 + rand_r(seed) % 4; n > 0 && len > 1; n--) {
        size_t at = (size_t)rand_r(seed) % len, to = (size_t)rand_r(seed) % len;
        size_t span = 1 + (size_t)rand_r(seed) % 8;
        if (span > len - at)
            span = len - at;
        switch (rand_r(seed) % 4) {
        case 0:
            bytes[at] = liked[(size_t)rand_r(seed) % (sizeof liked - 1)];
            break;
        case 1:
            bytes[at] = (char)((unsigned char)bytes[at] ^ 1u << rand_r(seed) % 8);
            break;
        case 2:
            if (span <= len - to)
                memmove(bytes + to, bytes + at, span);
            break;
        default:
            memmove(bytes + at, bytes + at + span, len - at - span);
            len -= span;
        }
    }
    return len;
}

static int replay_file(const char *path)
{
    char *data;
    size_t len;
    unsigned seed = 1;
    int err = ac_read_file(path, MAX_INPUT_BYTES, &data, &len);
    if (err) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    printf("%s\n", path);
    fflush(stdout); /* so that the name is there when the next lines end the program */
    run(data, len);
    for (size_t i = 0; i < CUTS; i++)
        run(data, len * i / CUTS);
    char *changed = ac_alloc(len);
    for (int i = 0; i < CHANGES; i++) {
        if (len)
            memcpy(changed, data, len);
        run(changed, change(changed, len, &seed));
    }
    free(changed);
    free(data);
    return 0;
}

static int replay_folder(const char *path)
{
    struct dirent **names;
    int n = scandir(path, &names, NULL, alphasort), ran = 0, failed = 0;
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') {
            char *file = ac_asprintf("%s/%s", path, names[i]->d_name);
            failed |= replay_file(file);
            free(file);
            ran++;
        }
        free(names[i]);
    }
    if (n >= 0)
        free(names);
    if (ran == 0) {
        fprintf(stderr, "%s: no inputs; put some files there\n", path);
        return 1;
    }
    return failed;
}

int main(int argc, char **argv)
{
    struct stat st;
    int failed = argc < 2;
    if (failed)
        fprintf(stderr, "usage: %s FOLDER|FILE...\n", argv[0]);
    for (int i = 1; i < argc; i++)
        failed |=
            stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i]);
    return failed;
}
