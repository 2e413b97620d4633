/* SHA-256 of files, by libcrypto. No state; any thread. */
#ifndef AC_BASE_SHA256_H
#define AC_BASE_SHA256_H

/* The checksum of a file in hex. AC_ENOENT, AC_EIO. */
int ac_sha256_file(const char *path, char hex[65]);

#endif
