/*
 * The folder that `avatar-chat models optimize` makes beside an export NAME.onnx: NAME.optimized, with
 *
 *     face.onnx, mouth.onnx   the two graphs (wav2lip_graph.h)
 *     optimized.json          what they were made of and how, for the program and for people
 *
 * It belongs to one very file, which is known by its size and time, else by its checksum. Any thread.
 */
#ifndef AC_AVATAR_WAV2LIP_FOLDER_H
#define AC_AVATAR_WAV2LIP_FOLDER_H

#include "avatarchat/handler.h"

enum { AC_W2L_PRECISION = 64 };

struct ac_w2l_folder {
    char source_sha256[65];
    int64_t source_bytes, source_mtime_ns;
    int side, weight_max;
    char precision[AC_W2L_PRECISION]; /* "int8", "int8, d6 fp32" … */
    double psnr_db, ms_before, ms;    /* measured; psnr_db: 0 where there are floats only */
    int64_t bytes;
    char face_sha256[65], mouth_sha256[65];
};

/* The folder's name; malloc'ed. */
char *ac_w2l_folder_of(const char *export_path);
/* Size and time of the export. AC_EIO. */
int ac_w2l_folder_source(struct ac_w2l_folder *f, const char *export_path);
/* Sums the two files up and writes optimized.json beside them; all are on the disk then. */
int ac_w2l_folder_write(struct ac_w2l_folder *f, const char *folder, struct ac_env *env);
/*
 * Reads the folder of an export and checks that it belongs to it and that mouth.onnx is whole. AC_ENOENT:
 * there is none; AC_EMODEL: it is damaged, of another export, or of another version: why says so.
 */
int ac_w2l_folder_read(struct ac_w2l_folder *f, const char *export_path, char *why, size_t why_size);
/* Removes the folder with its files. */
void ac_w2l_folder_remove(const char *folder);
/* Puts a new folder in the place of one that may be there. AC_EIO. */
int ac_w2l_folder_replace(const char *fresh, const char *folder, struct ac_env *env);

#endif
