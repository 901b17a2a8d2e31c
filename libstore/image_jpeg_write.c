/* JPEG by libjpeg-turbo, which imgstore's files are made with as well (through OpenCV). */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include "error.h"
#include "image_write.h"

enum { DEFAULT_QUALITY = 95, INITIAL_SIZE = 1 << 16 };

/* libjpeg leaves its functions by a jump when something fails. */
struct failure {
    struct jpeg_error_mgr manager;
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
};

static void leave(j_common_ptr jpeg)
{
    struct failure *failure = (struct failure *)(void *)jpeg->err;
    failure->manager.format_message(jpeg, failure->message);
    longjmp(failure->jump, 1);
}

/* The bytes go into a buffer that grows. */
struct target {
    struct jpeg_destination_mgr manager;
    struct buffer *out;
};

static void offer_room(struct target *target, j_compress_ptr jpeg, size_t used)
{
    struct buffer *out = target->out;
    out->size = used;
    const size_t wanted = out->capacity > used ? out->capacity : used + INITIAL_SIZE + used / 2;
    if (buffer_reserve(out, wanted, NULL) < 0) {
        jpeg->err->msg_code = 0;
        jpeg->err->error_exit((j_common_ptr)jpeg);
    }
    target->manager.next_output_byte = out->data + used;
    target->manager.free_in_buffer = out->capacity - used;
}

static void begin_output(j_compress_ptr jpeg)
{
    offer_room((struct target *)(void *)jpeg->dest, jpeg, 0);
}

static boolean more_output(j_compress_ptr jpeg)
{
    struct target *target = (struct target *)(void *)jpeg->dest;
    offer_room(target, jpeg, target->out->capacity); // called when all of it is full
    return TRUE;
}

static void end_output(j_compress_ptr jpeg)
{
    struct target *target = (struct target *)(void *)jpeg->dest;
    target->out->size = target->out->capacity - target->manager.free_in_buffer;
}

static void compress(j_compress_ptr jpeg, const ist_frame *frame, int quality)
{
    jpeg->image_width = (JDIMENSION)frame->width;
    jpeg->image_height = (JDIMENSION)frame->height;
    jpeg->input_components = frame->channels;
    jpeg->in_color_space = frame->channels == 1 ? JCS_GRAYSCALE : JCS_EXT_BGR;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, quality ? quality : DEFAULT_QUALITY, TRUE);
    jpeg_start_compress(jpeg, TRUE);
    while (jpeg->next_scanline < jpeg->image_height) {
        JSAMPROW row = (JSAMPROW)(frame->data + (ptrdiff_t)jpeg->next_scanline * frame->stride);
        jpeg_write_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_compress(jpeg);
}

ist_status image_encode_jpeg(const ist_frame *frame, int quality, struct buffer *out, ist_error *error)
{
    if (frame->type != IST_PIXEL_U8)
        return error_set(error, IST_ERROR_ARGUMENT, "jpg holds 8 bits");
    struct jpeg_compress_struct jpeg = {0};
    struct failure failure;
    struct target target = {
        .manager = {.init_destination = begin_output,
                    .empty_output_buffer = more_output,
                    .term_destination = end_output},
        .out = out,
    };
    jpeg.err = jpeg_std_error(&failure.manager);
    failure.manager.error_exit = leave;
    if (setjmp(failure.jump)) {
        jpeg_destroy_compress(&jpeg);
        return error_set(error, IST_ERROR_IO, "jpg: %s", failure.message);
    }
    jpeg_create_compress(&jpeg);
    jpeg.dest = &target.manager;
    compress(&jpeg, frame, quality);
    jpeg_destroy_compress(&jpeg);
    return IST_OK;
}
