/* A library that passes for an ONNX Runtime too old to know the interface that the program needs. */
#include <onnxruntime_c_api.h>

static const OrtApi *get_api(uint32_t version)
{
    (void)version;
    return NULL;
}

static const char *get_version(void)
{
    return "1.2.3";
}

const OrtApiBase *OrtGetApiBase(void)
{
    static const OrtApiBase base = {get_api, get_version};
    return &base;
}
