/* The libraries as they were really loaded, asked one by one. */
#include "cli/doctor.h"

#include <archive.h>
#include <cairo.h>
#include <curl/curl.h>
#include <espeak-ng/speak_lib.h>
#include <jansson.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <librsvg/rsvg.h>
#include <libwebsockets.h>
#include <soxr.h>
#include <sqlite3.h>
#include <stdio.h>
#include <unicode/uversion.h>
#include <yaml.h>
#include <zlib.h>

static const char *av_version(char *buf, size_t size, unsigned v)
{
    snprintf(buf, size, "%u.%u.%u", AV_VERSION_MAJOR(v), AV_VERSION_MINOR(v), AV_VERSION_MICRO(v));
    return buf;
}

static void add(struct ac_doctor *d, const char *name, const char *version)
{
    ac_doctor_add(d, "libraries", name, AC_DOCTOR_OK, NULL, "%s", version);
}

static void add_encoder(struct ac_doctor *d, const char *name)
{
    if (avcodec_find_encoder_by_name(name))
        add(d, name, "can encode");
    else
        ac_doctor_add(d, "libraries", name, AC_DOCTOR_PROBLEM,
                      "install a libavcodec that was built with it (Debian's is)",
                      "libavcodec lacks this encoder");
}

void ac_doctor_libraries(struct ac_doctor *d)
{
    char buf[64];
    UVersionInfo icu;

    add(d, "libavcodec", av_version(buf, sizeof buf, avcodec_version()));
    add(d, "libavformat", av_version(buf, sizeof buf, avformat_version()));
    add_encoder(d, "libx264");
    add_encoder(d, "aac");
    add(d, "soxr", soxr_version());
    add(d, "espeak-ng", espeak_Info(NULL));
    u_getVersion(icu);
    u_versionToString(icu, buf);
    add(d, "icu", buf);
    snprintf(buf, sizeof buf, "%u.%u.%u", rsvg_major_version, rsvg_minor_version, rsvg_micro_version);
    add(d, "librsvg", buf);
    add(d, "cairo", cairo_version_string());
    add(d, "sqlite", sqlite3_libversion());
    add(d, "libwebsockets", lws_get_library_version());
    add(d, "jansson", jansson_version_str());
    add(d, "libyaml", yaml_get_version_string());
    add(d, "zlib", zlibVersion());
    add(d, "libcurl", curl_version_info(CURLVERSION_NOW)->version);
    add(d, "libarchive", archive_version_details());
}
