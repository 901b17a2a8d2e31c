/* Records 100 frames of a moving bar into a new store, "mystore". */
#include <libstore/libstore.h>
#include <stdio.h>

int main(void)
{
    static uint8_t pixels[240][320];
    ist_frame frame = {.data = pixels[0], .stride = 320, .width = 320, .height = 240, .channels = 1};
    ist_error error;
    ist_writer *writer = NULL;
    if (ist_writer_create(&writer, "mystore", &(ist_writer_params){.width = 320, .height = 240}, &error) < 0)
        return fprintf(stderr, "%s\n", error.message), 1;
    for (int i = 0; i < 100; i++) {
        for (int y = 0; y < 240; y++)
            for (int x = 0; x < 320; x++)
                pixels[y][x] = x / 3 == i ? 255 : 40;
        frame.number = i;
        frame.time_s = i / 25.0;
        if (ist_writer_add(writer, &frame, &error) < 0)
            fprintf(stderr, "%s\n", error.message);
    }
    return ist_writer_close(&writer, &error) < 0;
}
