/* A machine whose decoder cannot be trusted, for imgstore-test: ist_reader_read_index() with a defect named by LIE. */
#include <libstore/reader.h>
#include <stdlib.h>
#include <string.h>

ist_status __real_ist_reader_read_index(ist_reader *reader, int64_t index, ist_frame *frame, ist_error *error);
ist_status __wrap_ist_reader_read_index(ist_reader *reader, int64_t index, ist_frame *frame, ist_error *error);

ist_status __wrap_ist_reader_read_index(ist_reader *reader, int64_t index, ist_frame *frame, ist_error *error)
{
    const char *lie = getenv("LIE");
    const bool neighbour = strcmp(lie, "neighbour") == 0 && index == 5;
    const ist_status status = __real_ist_reader_read_index(reader, index + neighbour, frame, error);
    if (status < 0)
        return status;
    frame->index = index;
    frame->number -= neighbour;
    if (strcmp(lie, "time") == 0 && index == 7)
        frame->time_s += 1e-6;
    if (strcmp(lie, "sample") == 0 && index == 3)
        frame->data[frame->stride * (frame->height - 1)] ^= 1;
    if (strcmp(lie, "levels") == 0)
        for (int y = 0; y < frame->height; y++)
            for (int x = 0; x < frame->width; x++)
                if (frame->data[y * frame->stride + x] > 250)
                    frame->data[y * frame->stride + x] = 250;
    return status;
}
