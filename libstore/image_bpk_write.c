/*
 * A picture as bloscpack writes an array when it is asked for nothing special: in pieces of 1 MiB, shuffled and
 * compressed by blosclz, with offsets, checksums, and room to append. image_bpk.c says what lies where.
 */
#include <blosc.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "error.h"
#include "image_bpk.h"
#include "image_write.h"

enum { PIECE_SIZE = 1 << 20, COMPRESSION_LEVEL = 7, METADATA_LEVEL = 6, DIGEST_SIZE = 4, OFFSET_SIZE = 8 };

/* Room for what bloscpack may append later, in times of what there is. */
enum { METADATA_ROOM = 10, SPARE_PIECES = 10 };

/* How the array is cut. */
struct pieces {
    size_t row_bytes;
    size_t size, last_size; /* bytes in a piece */
    size_t count, spare;
};

static struct pieces cut(const ist_frame *frame)
{
    struct pieces pieces = {.row_bytes = (size_t)frame->width * (size_t)frame->channels * ist_pixel_size(frame->type)};
    const size_t all = pieces.row_bytes * (size_t)frame->height;
    pieces.size = all < PIECE_SIZE ? all : PIECE_SIZE;
    pieces.count = (all + pieces.size - 1) / pieces.size;
    pieces.last_size = all - (pieces.count - 1) * pieces.size;
    pieces.spare = SPARE_PIECES * pieces.count;
    return pieces;
}

static void put_u32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

static void put_u64(uint8_t *to, uint64_t value)
{
    put_u32(to, (uint32_t)value);
    put_u32(to + 4, (uint32_t)(value >> 32));
}

static void put_digest(uint8_t *to, const uint8_t *data, size_t size)
{
    put_u32(to, (uint32_t)adler32(adler32(0, NULL, 0), data, (uInt)size));
}

/* Grows by so many bytes, all of the same value. */
static ist_status append_filled(struct buffer *out, int value, size_t size, ist_error *error)
{
    const ist_status status = buffer_reserve(out, out->size + size, error);
    if (status < 0)
        return status;
    memset(out->data + out->size, value, size);
    out->size += size;
    return IST_OK;
}

static ist_status append_header(const ist_frame *frame, const struct pieces *pieces, struct buffer *out,
                                ist_error *error)
{
    uint8_t header[BPK_HEADER_SIZE] = "blpk";
    header[4] = BPK_VERSION;
    header[5] = BPK_OPTION_OFFSETS | BPK_OPTION_METADATA;
    header[6] = BPK_CHECKSUM_ADLER32;
    header[7] = (uint8_t)ist_pixel_size(frame->type);
    put_u32(header + 8, (uint32_t)pieces->size);
    put_u32(header + 12, (uint32_t)pieces->last_size);
    put_u64(header + 16, pieces->count);
    put_u64(header + 24, pieces->spare);
    return buffer_append(out, header, sizeof header, error);
}

/* The type is in quotes within the quotes, as Python's repr() gives it. */
static size_t describe(const ist_frame *frame, char *text, size_t size)
{
    const bool native_little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
    const char *dtype = frame->type == IST_PIXEL_U8 ? "|u1" : native_little ? "<u2" : ">u2";
    return (size_t)snprintf(text, size,
                            "{\"dtype\":\"'%s'\",\"shape\":[%d,%d%s],\"order\":\"C\",\"container\":\"numpy\"}", dtype,
                            frame->height, frame->width, frame->channels == 1 ? "" : ",3");
}

static ist_status append_metadata(const ist_frame *frame, struct buffer *out, ist_error *error)
{
    char text[128];
    uint8_t packed[256];
    const size_t size = describe(frame, text, sizeof text);
    uLongf packed_size = sizeof packed;
    // Such a short text zlib may make longer: then it stays as it is.
    const bool zlib =
        compress2(packed, &packed_size, (const Bytef *)text, size, METADATA_LEVEL) == Z_OK && packed_size <= size;
    const uint8_t *stored = zlib ? packed : (const uint8_t *)text;
    const size_t stored_size = zlib ? packed_size : size;
    const size_t room = METADATA_ROOM * size;

    uint8_t header[BPK_HEADER_SIZE] = "JSON";
    header[9] = BPK_CHECKSUM_ADLER32;
    header[10] = zlib ? BPK_CODEC_ZLIB : BPK_CODEC_NONE;
    header[11] = zlib ? METADATA_LEVEL : 0;
    put_u32(header + 12, (uint32_t)size);
    put_u32(header + 16, (uint32_t)room);
    put_u32(header + 20, (uint32_t)stored_size);
    uint8_t digest[DIGEST_SIZE];
    put_digest(digest, stored, stored_size);
    ist_status status = buffer_append(out, header, sizeof header, error);
    if (status >= 0)
        status = buffer_append(out, stored, stored_size, error);
    if (status >= 0)
        status = append_filled(out, 0, room - stored_size, error);
    return status < 0 ? status : buffer_append(out, digest, sizeof digest, error);
}

/* The bytes of the array from `from` on, the gaps between the rows left out. */
static void copy_bytes(const ist_frame *frame, size_t row_bytes, size_t from, size_t size, uint8_t *to)
{
    while (size > 0) {
        const size_t column = from % row_bytes;
        const size_t part = row_bytes - column < size ? row_bytes - column : size;
        memcpy(to, frame->data + (ptrdiff_t)(from / row_bytes) * frame->stride + column, part);
        to += part;
        from += part;
        size -= part;
    }
}

static ist_status append_piece(const uint8_t *piece, size_t size, size_t item_size, struct buffer *out,
                               ist_error *error)
{
    const size_t packed_max = size + BLOSC_MAX_OVERHEAD;
    const ist_status status = buffer_reserve(out, out->size + packed_max + DIGEST_SIZE, error);
    if (status < 0)
        return status;
    uint8_t *packed = out->data + out->size;
    // One thread: stores are written beside each other, and the bytes must not depend on the machine.
    const int packed_size = blosc_compress_ctx(COMPRESSION_LEVEL, BLOSC_SHUFFLE, item_size, size, piece, packed,
                                               packed_max, BLOSC_BLOSCLZ_COMPNAME, 0, 1);
    if (packed_size <= 0)
        return error_set(error, IST_ERROR_IO, "bpk: Blosc cannot compress the picture (%d)", packed_size);
    put_digest(packed + packed_size, packed, (size_t)packed_size);
    out->size += (size_t)packed_size + DIGEST_SIZE;
    return IST_OK;
}

/* `offsets`: where in the file the offset of the first piece is. */
static ist_status append_pieces(const ist_frame *frame, const struct pieces *pieces, size_t offsets,
                                struct buffer *scratch, struct buffer *out, ist_error *error)
{
    const bool has_gaps = frame->stride != (ptrdiff_t)pieces->row_bytes;
    ist_status status = has_gaps ? buffer_reserve(scratch, pieces->size, error) : IST_OK;
    for (size_t i = 0; i < pieces->count && status >= 0; i++) {
        const size_t from = i * pieces->size;
        const size_t size = i + 1 < pieces->count ? pieces->size : pieces->last_size;
        if (has_gaps)
            copy_bytes(frame, pieces->row_bytes, from, size, scratch->data);
        put_u64(out->data + offsets + OFFSET_SIZE * i, out->size);
        status =
            append_piece(has_gaps ? scratch->data : frame->data + from, size, ist_pixel_size(frame->type), out, error);
    }
    return status;
}

ist_status image_encode_bpk(const ist_frame *frame, int quality, struct buffer *out, ist_error *error)
{
    (void)quality;
    const struct pieces pieces = cut(frame);
    struct buffer scratch = {0};
    out->size = 0;
    ist_status status = append_header(frame, &pieces, out, error);
    if (status >= 0)
        status = append_metadata(frame, out, error);
    const size_t offsets = out->size;
    if (status >= 0) // of pieces that are not there: -1
        status = append_filled(out, 0xff, OFFSET_SIZE * (pieces.count + pieces.spare), error);
    if (status >= 0)
        status = append_pieces(frame, &pieces, offsets, &scratch, out, error);
    buffer_free(&scratch);
    return status;
}
