/* The knowledge files of the faq engine (see faq_files.h). */
#include "llm/faq_files.h"

#include "avatarchat/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_FILE_BYTES = 4 << 20 };

struct file {
    char *path;
    char lang[16]; /* of the folder, "" at the top */
    struct stat st;
};

struct files {
    struct file *p;
    size_t n;
};

static bool is_markdown(const char *name)
{
    size_t n = strlen(name);
    return n > 3 && *name != '.' && !strcmp(name + n - 3, ".md");
}

/* Files of one folder; of its folders too where lang is NULL (the top). */
static void collect(const char *dir, const char *lang, struct files *files)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        struct file f = {.path = ac_asprintf("%s/%s", dir, names[i]->d_name)};
        snprintf(f.lang, sizeof f.lang, "%s", lang ? lang : "");
        bool there = *names[i]->d_name != '.' && !stat(f.path, &f.st);
        if (there && !lang && S_ISDIR(f.st.st_mode))
            collect(f.path, names[i]->d_name, files);
        if (there && S_ISREG(f.st.st_mode) && is_markdown(names[i]->d_name)) {
            files->p = ac_realloc_array(files->p, files->n + 1, sizeof *files->p);
            files->p[files->n++] = f;
        } else {
            free(f.path);
        }
        free(names[i]);
    }
    free(names);
}

static struct files collect_all(char *const *dirs, size_t n)
{
    struct files files = {0};
    for (size_t i = 0; i < n; i++)
        collect(dirs[i], NULL, &files);
    return files;
}

static void files_free(struct files *files)
{
    for (size_t i = 0; i < files->n; i++)
        free(files->p[i].path);
    free(files->p);
}

static uint64_t mix_byte(uint64_t h, unsigned char byte)
{
    return (h ^ byte) * 0x100000001B3; /* FNV-1a */
}

static uint64_t mix_number(uint64_t h, int64_t v)
{
    for (int i = 0; i < 64; i += 8)
        h = mix_byte(h, (unsigned char)((uint64_t)v >> i));
    return h;
}

uint64_t ac_faq_files_print(char *const *dirs, size_t n_dirs)
{
    struct files files = collect_all(dirs, n_dirs);
    uint64_t h = 0xCBF29CE484222325;
    for (size_t i = 0; i < files.n; i++) {
        const struct file *f = &files.p[i];
        for (const char *c = f->path; *c; c++)
            h = mix_byte(h, (unsigned char)*c);
        h = mix_number(h, f->st.st_size);
        h = mix_number(h, f->st.st_mtim.tv_sec);
        h = mix_number(h, f->st.st_mtim.tv_nsec);
        h = mix_number(h, (int64_t)f->st.st_ino);
    }
    files_free(&files);
    return h ? h : 1;
}

static bool load_file(const struct file *f, const char *log_name, struct ac_knowledge *k)
{
    char *text = NULL, reason[256] = "";
    size_t len = 0;
    int err = ac_read_file(f->path, MAX_FILE_BYTES, &text, &len);
    if (err)
        snprintf(reason, sizeof reason, "%s",
                 err == AC_ELIMIT ? "it is larger than 4 MB; split it" : ac_err_text(err));
    else
        err = ac_knowledge_parse(k, text, len, f->lang, reason, sizeof reason);
    free(text);
    if (err)
        ac_log_warn(log_name, "knowledge file left out", AC_S("file", f->path), AC_S("reason", reason));
    return !err;
}

size_t ac_faq_files_load(char *const *dirs, size_t n_dirs, const char *log_name, struct ac_knowledge *k)
{
    struct files files = collect_all(dirs, n_dirs);
    size_t used = 0;
    for (size_t i = 0; i < files.n; i++)
        used += load_file(&files.p[i], log_name, k);
    files_free(&files);
    return used;
}
