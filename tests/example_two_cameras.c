/*
 * Records two cameras at once, each with a thread, a queue and a store of its own, then goes through the pairs of
 * frames with the same number.
 *
 *     example_two_cameras [FIRST SECOND [FRAMES]]
 *
 * Without cameras it takes two that Aravis simulates. That frames of the same number belong together is so where one
 * signal triggers both cameras; else they are found by their times, ist_reader_read_time().
 */
#include <libstore/libstore.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct camera {
    const char *location, *store;
    int frames;
    ist_recorder_stats stats;
    ist_error error;
    ist_status status;
};

/* The first frame tells what the store is to hold. */
static ist_status begin(const struct camera *camera, ist_source *source, const ist_frame *first,
                        ist_recorder **recorder, ist_error *error)
{
    const ist_source_info *info = ist_source_get_info(source);
    const ist_writer_params shape = {.format = "mjpeg/avi",
                                     .width = first->width,
                                     .height = first->height,
                                     .channels = first->channels,
                                     .type = first->type,
                                     .frame_rate = info->frame_rate,
                                     .encoding = info->encoding};
    const ist_recorder_params params = {.gaps_are_drops = info->live};
    ist_writer *writer;
    const ist_status status = ist_writer_create(&writer, camera->store, &shape, error);
    return status < 0 ? status : ist_recorder_start(recorder, &writer, camera->store, &params, error);
}

static ist_status record(struct camera *camera, ist_source *source, ist_recorder **recorder)
{
    ist_frame frame = {0};
    ist_drop drop;
    ist_status status = IST_OK;
    for (int i = 0; i < camera->frames && status >= 0; i++) {
        status = ist_source_next(source, &frame, &camera->error);
        if (status != IST_OK)
            break;
        if (!*recorder)
            status = begin(camera, source, &frame, recorder, &camera->error);
        while (status >= 0 && ist_source_next_drop(source, &drop))
            ist_recorder_note_drop(*recorder, &drop);
        if (status >= 0)
            status = ist_recorder_add(*recorder, &frame, 0, &camera->error);
    }
    ist_frame_free(&frame);
    return status;
}

static void *run(void *argument)
{
    struct camera *camera = argument;
    ist_source *source;
    ist_recorder *recorder = NULL;
    camera->status = ist_source_open(&source, camera->location, NULL, &camera->error);
    if (camera->status >= 0)
        camera->status = record(camera, source, &recorder);
    ist_source_close(&source);
    const ist_status finished =
        ist_recorder_finish(&recorder, &camera->stats, camera->status < 0 ? NULL : &camera->error);
    if (camera->status >= 0)
        camera->status = finished;
    return NULL;
}

static int fail(const ist_error *error)
{
    fprintf(stderr, "%s\n", error->message);
    return 1;
}

/* Frames that both have, and how far apart their times are at most. */
static int align(const struct camera cameras[2])
{
    ist_reader *readers[2] = {NULL};
    ist_aligner *aligner = NULL;
    const ist_aligned_frame *frames;
    ist_error error;
    int64_t number, pairs = 0;
    double apart_s = 0;
    ist_status status = IST_OK;
    for (int i = 0; i < 2 && status >= 0; i++)
        status = ist_reader_open(&readers[i], cameras[i].store, &error);
    if (status >= 0)
        status = ist_aligner_open(&aligner, readers, 2, IST_ALIGN_DROP, &error);
    for (; status >= 0 && (status = ist_aligner_next(aligner, &number, &frames, &error)) == IST_OK; pairs++) {
        const double between_s = frames[1].frame.time_s - frames[0].frame.time_s;
        apart_s = between_s > apart_s ? between_s : -between_s > apart_s ? -between_s : apart_s;
    }
    ist_aligner_close(&aligner);
    for (int i = 0; i < 2; i++)
        ist_reader_close(&readers[i]);
    if (status < 0)
        return fail(&error);
    printf("%lld pairs of frames, at most %.3f s apart\n", (long long)pairs, apart_s);
    return 0;
}

int main(int argc, char **argv)
{
    struct camera cameras[2] = {{.location = argc > 2 ? argv[1] : "aravis:Fake_1", .store = "first"},
                                {.location = argc > 2 ? argv[2] : "aravis:Fake_1", .store = "second"}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        cameras[i].frames = argc > 3 ? atoi(argv[3]) : 100;
        if (pthread_create(&threads[i], NULL, run, &cameras[i]) != 0)
            return fputs("no thread could be started\n", stderr), 1;
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 2; i++) {
        if (cameras[i].status < 0)
            return fail(&cameras[i].error);
        printf("%s: %lld frames, %lld dropped\n", cameras[i].store, (long long)cameras[i].stats.written,
               (long long)(cameras[i].stats.dropped[IST_DROP_CAMERA] + cameras[i].stats.dropped[IST_DROP_BUS] +
                           cameras[i].stats.dropped[IST_DROP_QUEUE]));
    }
    return align(cameras);
}
