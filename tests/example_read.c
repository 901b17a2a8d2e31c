/* Prints the mean brightness of every frame of "mystore", then reads the frame nearest to 2 s. */
#include <libstore/libstore.h>
#include <stdio.h>

int main(void)
{
    ist_frame frame = {0};
    ist_error error;
    ist_reader *reader = NULL;
    if (ist_reader_open(&reader, "mystore", &error) < 0)
        return fprintf(stderr, "%s\n", error.message), 1;
    while (ist_reader_next(reader, &frame, &error) == IST_OK) {
        double sum = 0;
        for (int y = 0; y < frame.height; y++)
            for (int x = 0; x < frame.width; x++)
                sum += frame.data[y * frame.stride + x];
        printf("frame %d at %.2f s: mean %.3f\n", (int)frame.index, frame.time_s, sum / (frame.width * frame.height));
    }
    if (ist_reader_read_time(reader, 2.0, &frame, &error) == IST_OK)
        printf("nearest to 2 s: frame %d\n", (int)frame.index);
    ist_frame_free(&frame);
    ist_reader_close(&reader);
}
