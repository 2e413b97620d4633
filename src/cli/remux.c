/* Packets are copied from the one container to the other by libavformat (remux.h). */
#include "cli/remux.h"

#include "avatarchat/err.h"

#include <libavformat/avformat.h>
#include <stdio.h>

enum { REASON_SIZE = 256 };

static int fail(char *reason, const char *path, int averror)
{
    char text[128];

    av_strerror(averror, text, sizeof text);
    snprintf(reason, REASON_SIZE, "%s: %s", path, text);
    return averror == AVERROR(ENOMEM) ? AC_ENOMEM : AC_EIO;
}

static int copy_streams(AVFormatContext *in, AVFormatContext *out)
{
    for (unsigned i = 0; i < in->nb_streams; i++) {
        AVStream *s = avformat_new_stream(out, NULL);
        if (!s)
            return AVERROR(ENOMEM);
        int ret = avcodec_parameters_copy(s->codecpar, in->streams[i]->codecpar);
        if (ret < 0)
            return ret;
        s->codecpar->codec_tag = 0;
        s->time_base = in->streams[i]->time_base;
        s->avg_frame_rate = in->streams[i]->avg_frame_rate;
    }
    return 0;
}

static int copy_packets(AVFormatContext *in, AVFormatContext *out, AVPacket *packet)
{
    int ret;

    while ((ret = av_read_frame(in, packet)) >= 0) {
        av_packet_rescale_ts(packet, in->streams[packet->stream_index]->time_base,
                             out->streams[packet->stream_index]->time_base);
        packet->pos = -1;
        ret = av_interleaved_write_frame(out, packet);
        if (ret < 0)
            return ret;
    }
    return ret == AVERROR_EOF ? 0 : ret;
}

int ac_remux(const char *from, const char *to, char *reason)
{
    AVFormatContext *in = NULL, *out = NULL;
    AVPacket *packet = av_packet_alloc();
    AVDictionary *options = NULL;
    int err = 0;

    int ret = avformat_open_input(&in, from, NULL, NULL);
    if (ret >= 0)
        ret = avformat_find_stream_info(in, NULL);
    if (ret < 0) {
        err = fail(reason, from, ret);
        goto out;
    }
    ret = packet ? avformat_alloc_output_context2(&out, NULL, "mp4", to) : AVERROR(ENOMEM);
    if (ret >= 0)
        ret = copy_streams(in, out);
    if (ret >= 0)
        ret = avio_open(&out->pb, to, AVIO_FLAG_WRITE);
    if (ret >= 0)
        ret = av_dict_set(&options, "movflags", "+faststart", 0);
    if (ret >= 0)
        ret = avformat_write_header(out, &options);
    if (ret >= 0)
        ret = copy_packets(in, out, packet);
    if (ret >= 0)
        ret = av_write_trailer(out);
    if (out && out->pb) {
        int closed = avio_closep(&out->pb);
        ret = ret < 0 ? ret : closed;
    }
    if (ret < 0)
        err = fail(reason, to, ret);
out:
    av_dict_free(&options);
    av_packet_free(&packet);
    avformat_close_input(&in);
    avformat_free_context(out);
    return err;
}
