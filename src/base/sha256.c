/* SHA-256 of files (sha256.h). */
#include "base/sha256.h"

#include "avatarchat/err.h"
#include "base/mem.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 1 << 16 };

int ac_sha256_file(const char *path, char hex[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    FILE *f = fopen(path, "rbe");

    if (!f)
        return errno == ENOENT ? AC_ENOENT : AC_EIO;
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    char *block = ac_alloc(BLOCK_BYTES);
    bool ok = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    for (size_t got; ok && (got = fread(block, 1, BLOCK_BYTES, f)) > 0;)
        ok = EVP_DigestUpdate(md, block, got);
    ok = ok && !ferror(f) && EVP_DigestFinal_ex(md, digest, &n) && n == 32;
    for (unsigned i = 0; ok && i < n; i++)
        snprintf(hex + (size_t)2 * i, 3, "%02x", digest[i]);
    free(block);
    EVP_MD_CTX_free(md);
    fclose(f);
    return ok ? AC_OK : AC_EIO;
}
