// Bloscpack: numpy arrays in pieces that Blosc compressed, each with a checksum behind it.
//
//     32 bytes   "blpk", version 3, options (1: offsets, 2: metadata), checksum, size of an element,
//                bytes in a piece, bytes in the last one, pieces (int64), pieces for which there is room besides
//                (int64)
//     32 bytes   of metadata: "JSON", options, checksum, codec, level, size, size with what may be added, size as it is
//                compressed, then the metadata and their checksum: {"dtype": "'|u1'", "shape": [64, 96], "order": "C",
//                "container": "numpy"}
//     8 bytes    a piece: offsets in the file
//     the pieces, whose own headers tell how long they are

#include "image.h"

#include <blosc.h>
#include <jansson.h>
#include <string.h>
#include <zlib.h>

#include "error.h"
#include "image_bpk.h"
#include "npy.h"
#include "npy_picture.h"

enum { METADATA_MAX = 1 << 20 };

// What is left of the file.
struct rest {
    const uint8_t *at;
    size_t size;
};

static const uint8_t *take(struct rest *rest, size_t size)
{
    if (size > rest->size)
        return NULL;
    const uint8_t *at = rest->at;
    rest->at += size;
    rest->size -= size;
    return at;
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static int64_t get_i64(const uint8_t *bytes)
{
    return (int64_t)(get_u32(bytes) | (uint64_t)get_u32(bytes + 4) << 32);
}

static ist_status damaged(ist_error *error, const char *what)
{
    return error_set(error, IST_ERROR_DATA, "bpk: %s", what);
}

// Takes the checksum behind `data` and compares.
static ist_status verify(struct rest *rest, int kind, const uint8_t *data, size_t size, ist_error *error)
{
    if (kind == BPK_CHECKSUM_NONE)
        return IST_OK;
    if (kind != BPK_CHECKSUM_ADLER32 && kind != BPK_CHECKSUM_CRC32)
        return error_set(error, IST_ERROR_UNSUPPORTED, "bpk: checksum %d is not supported", kind);
    const uint8_t *digest = take(rest, 4);
    if (!digest)
        return damaged(error, "cut off");
    const unsigned long expected = kind == BPK_CHECKSUM_ADLER32 ? adler32(adler32(0, NULL, 0), data, (uInt)size)
                                                                : crc32(crc32(0, NULL, 0), data, (uInt)size);
    return get_u32(digest) == (uint32_t)expected ? IST_OK : damaged(error, "a checksum is wrong");
}

static ist_status parse_metadata(const uint8_t *packed, size_t packed_size, size_t size, int codec, json_t **metadata,
                                 ist_error *error)
{
    *metadata = NULL;
    if (codec == BPK_CODEC_NONE) {
        *metadata = json_loadb((const char *)packed, packed_size, 0, NULL);
    } else if (codec == BPK_CODEC_ZLIB) {
        struct buffer text = {0};
        uLongf length = size;
        if (buffer_reserve(&text, size + 1, error) < 0)
            return IST_ERROR_MEMORY;
        if (uncompress(text.data, &length, packed, packed_size) == Z_OK)
            *metadata = json_loadb((const char *)text.data, length, 0, NULL);
        buffer_free(&text);
    }
    return json_is_object(*metadata) ? IST_OK : damaged(error, "metadata that are not JSON");
}

static ist_status read_metadata(struct rest *rest, json_t **metadata, ist_error *error)
{
    *metadata = NULL;
    const uint8_t *header = take(rest, BPK_HEADER_SIZE);
    if (!header || memcmp(header, "JSON\0\0\0\0", 8) != 0)
        return damaged(error, "holds no array of numpy");
    const int checksum = header[9], codec = header[10];
    const size_t size = get_u32(header + 12), room = get_u32(header + 16), packed_size = get_u32(header + 20);
    if (size > METADATA_MAX || packed_size > room)
        return damaged(error, "damaged metadata");
    const uint8_t *packed = take(rest, packed_size);
    if (!packed || !take(rest, room - packed_size))
        return damaged(error, "cut off in the metadata");
    ist_status status = verify(rest, checksum, packed, packed_size, error);
    if (status >= 0)
        status = parse_metadata(packed, packed_size, size, codec, metadata, error);
    if (status < 0) {
        json_decref(*metadata);
        *metadata = NULL;
    }
    return status;
}

// "'|u1'" (with quotes: Python's repr) or "|u1"
static bool copy_descr(const char *dtype, char descr[8])
{
    if (!dtype)
        return false;
    const size_t quotes = *dtype == '\'' || *dtype == '"';
    const size_t length = strlen(dtype);
    if (length < 2 * quotes + 2 || length - 2 * quotes >= 8)
        return false;
    memcpy(descr, dtype + quotes, length - 2 * quotes);
    descr[length - 2 * quotes] = '\0';
    return strspn(descr, "<>|=buif0123456789") == strlen(descr);
}

// Begins an .npy with this array in it, which the pieces then complete.
static ist_status begin_array(const json_t *metadata, struct buffer *npy, ist_error *error)
{
    const json_t *shape = json_object_get(metadata, "shape");
    const size_t dimensions = json_array_size(shape);
    int64_t lengths[NPY_DIMENSIONS_MAX];
    char descr[8];
    if (dimensions < 1 || dimensions > NPY_DIMENSIONS_MAX ||
        !copy_descr(json_string_value(json_object_get(metadata, "dtype")), descr))
        return damaged(error, "no array that can be a picture");
    for (size_t i = 0; i < dimensions; i++) {
        lengths[i] = json_integer_value(json_array_get(shape, i));
        if (lengths[i] < 1)
            return damaged(error, "no array that can be a picture");
    }
    return npy_write_header(npy, descr, lengths, (int)dimensions, error);
}

static ist_status append_piece(struct rest *rest, int checksum, size_t size_max, struct buffer *out, ist_error *error)
{
    if (rest->size < BLOSC_MIN_HEADER_LENGTH)
        return damaged(error, "cut off");
    const size_t packed_size = get_u32(rest->at + 12);
    const uint8_t *packed = take(rest, packed_size);
    size_t size;
    if (!packed || blosc_cbuffer_validate(packed, packed_size, &size) < 0 || size > size_max)
        return damaged(error, "damaged or cut off");
    ist_status status = verify(rest, checksum, packed, packed_size, error);
    if (status >= 0)
        status = buffer_reserve(out, out->size + size, error);
    if (status < 0)
        return status;
    if (size > 0 && blosc_decompress_ctx(packed, out->data + out->size, size, 1) != (int)size)
        return damaged(error, "damaged pixels");
    out->size += size;
    return IST_OK;
}

static ist_status unpack(const uint8_t *data, size_t size, struct buffer *npy, bool *fortran_order, ist_error *error)
{
    struct rest rest = {data, size};
    const uint8_t *header = take(&rest, BPK_HEADER_SIZE);
    if (!header || memcmp(header, "blpk", 4) != 0)
        return damaged(error, "not a bloscpack file");
    if (header[4] != BPK_VERSION)
        return error_set(error, IST_ERROR_UNSUPPORTED, "bpk: version %d is not known", header[4]);
    const int options = header[5], checksum = header[6];
    const size_t piece_size = get_u32(header + 8);
    const int64_t pieces = get_i64(header + 16), spare = get_i64(header + 24);
    if (pieces < 1 || pieces > INT32_MAX || spare < 0 || spare > INT32_MAX || !(options & BPK_OPTION_METADATA))
        return damaged(error, "damaged header, or no array of numpy");

    json_t *metadata;
    ist_status status = read_metadata(&rest, &metadata, error);
    if (status < 0)
        return status;
    const char *order = json_string_value(json_object_get(metadata, "order"));
    *fortran_order = order && *order == 'F';
    status = begin_array(metadata, npy, error);
    if (status >= 0 && (options & BPK_OPTION_OFFSETS) && !take(&rest, 8 * (size_t)(pieces + spare)))
        status = damaged(error, "cut off");
    for (int64_t i = 0; i < pieces && status >= 0; i++)
        status = append_piece(&rest, checksum, piece_size, npy, error);
    json_decref(metadata);
    return status;
}

static ist_status decode_samples(const uint8_t *data, size_t size, int samples, ist_frame *frame, ist_error *error)
{
    struct buffer npy = {0};
    struct npy_header header;
    bool fortran_order = false;
    ist_status status = unpack(data, size, &npy, &fortran_order, error);
    if (status >= 0)
        status = npy_parse_header(npy.data, npy.size, &header, error);
    if (status >= 0) {
        header.fortran_order = fortran_order;
        status = npy_picture_read(&header, npy.data + header.data_offset, samples, frame, error);
    }
    buffer_free(&npy);
    return status;
}

static ist_status decode_bpk(const uint8_t *data, size_t size, ist_frame *frame, ist_error *error)
{
    return decode_samples(data, size, 0, frame, error);
}

const struct image_format image_bpk = {
    .extensions = (const char *const[]){"bpk", NULL},
    .lossless = true,
    .holds_u16 = true,
    .decode = decode_bpk,
    .decode_raw = decode_samples,
};
