/* Where this program was installed: its data and libraries lie beside it, wherever PREFIX is. */
#ifndef AC_BASE_INSTALLED_H
#define AC_BASE_INSTALLED_H

/*
 * PREFIX/path for a program that runs as PREFIX/bin/NAME, malloc'ed; NULL when nothing is there (a build
 * folder, say). Any thread.
 */
char *ac_installed_path(const char *path);

#endif
