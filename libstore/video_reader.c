/*
 * A chunk as a video file: the i-th frame is the i-th in the order of presentation, whatever the seeking and the
 * time stamps of the container make of it.
 */
#include <libavutil/frame.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chunk_path.h"
#include "chunk_reader.h"
#include "error.h"
#include "ffmpeg_log.h"
#include "fs.h"
#include "index.h"
#include "picture_cache.h"
#include "pixels.h"
#include "video_file.h"
#include "video_track.h"

/* Who has read so many frames in small steps forward goes on like that. */
enum { SEQUENTIAL_READS = 12, LONGEST_STEP = 16 };

/* Who has read so many from a key picture on may well go on; to decode them again costs little, if it is not so. */
enum { FIRST_READS = 3 };

/* Packets from a key picture on; decoding so many is faster with threads than without. */
enum { LONG_WAY = 8 };

/* How many key pictures a frame is looked for from: some (intra refresh) are whole only some frames later. */
enum { KEYS_TO_TRY = 3 };

struct chunk_reader {
    char path[PATH_MAX];
    const char *name;  /* for messages, with .live where it is one */
    int width, height; /* px, as the store has them */
    struct pixel_layout layout;
    enum pixel_rule rule;

    struct video_track *track;
    const struct packet_table *table;
    struct picture_cache *cache;
    struct picture_shelf *shelf; /* in the cache */
    int sequential;              /* frames decoded so far each in a small step forward */
    struct pixel_converter *converter;
    bool *lost;            /* frames of which no sound picture can be got */
    int64_t last_asked;    /* frame; -1: none */
    bool skipping_is_safe; /* the decoder still gives the right frame when others are skipped on the way */
    bool use_threads;      /* on long ways: the codec can, and nothing was damaged so far */
};

/* ---- opening ---- */

static void video_close(struct chunk_reader **reader)
{
    struct chunk_reader *r = *reader;
    if (!r)
        return;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    picture_shelf_destroy(r->shelf);
    video_track_close(&r->track);
    pixel_converter_destroy(r->converter);
    ffmpeg_log_end(&log);
    free(r->lost);
    free(r);
    *reader = NULL;
}

static ist_status open_chunk(struct chunk_reader *r, const struct decoding *decoding, ist_error *error)
{
    r->name = fs_basename(r->path);
    const ist_status status = video_track_open(&r->track, r->path, r->name, decoding->threads, decoding->pool, error);
    if (status < 0)
        return status;
    r->table = video_track_table(r->track);
    r->use_threads = video_track_can_thread(r->track);
    r->converter = pixel_converter_create(r->rule);
    r->shelf = picture_shelf_create(r->cache, r->table->frame_count);
    r->lost = calloc((size_t)r->table->frame_count + 1, sizeof *r->lost);
    return r->converter && r->shelf && r->lost ? IST_OK : error_memory(error);
}

/*
 * Opens a plain file itself, or the chunk's: the finished one, or the one that is being recorded. The recorder may
 * finish the chunk at any moment, also between two looks: the finished file is there before the other one goes. Or it
 * has the name of before.
 */
static ist_status open_file(struct chunk_reader *r, const struct metadata *metadata, const char *directory, int chunk,
                            int moving_by, const struct decoding *decoding, ist_error *error)
{
    static const char *const endings[] = {"", CHUNK_LIVE_ENDING, ""};
    if (metadata->is_file) {
        snprintf(r->path, sizeof r->path, "%s", directory);
        return open_chunk(r, decoding, error);
    }
    ist_status status = IST_ERROR_NOT_FOUND;
    if (moving_by != 0) {
        chunk_path_video(r->path, directory, chunk + moving_by, metadata->extension);
        status = open_chunk(r, decoding, error);
    }
    for (size_t look = 0; look < sizeof endings / sizeof *endings && status == IST_ERROR_NOT_FOUND; look++) {
        chunk_path_video(r->path, directory, chunk, metadata->extension);
        strncat(r->path, endings[look], sizeof r->path - strlen(r->path) - 1);
        status = open_chunk(r, decoding, error);
    }
    if (status == IST_ERROR_NOT_FOUND)
        error_set(error, status, "%06d%s: the chunk is missing", chunk, metadata->extension);
    return status;
}

static ist_status video_open(struct chunk_reader **reader, const struct metadata *metadata, const char *directory,
                             int chunk, struct index *index, const struct decoding *decoding, ist_error *error)
{
    struct chunk_reader *r = *reader = calloc(1, sizeof *r);
    if (!r)
        return error_memory(error);
    r->width = metadata->width;
    r->height = metadata->height;
    r->layout = (struct pixel_layout){metadata->channels, metadata->type};
    // A plain file is read as a source of frames reads it.
    r->rule = metadata->is_file ? PIXEL_RULE_FFMPEG : PIXEL_RULE_OPENCV;
    r->last_asked = -1;
    r->cache = decoding->cache;
    r->skipping_is_safe = true;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    const int moving_by = index ? index_moves(index)->moving_by : 0;
    const ist_status status = open_file(r, metadata, directory, chunk, moving_by, decoding, error);
    if (status >= 0)
        video_file_set_checksums(video_track_file(r->track), index, chunk);
    ffmpeg_log_end(&log);
    if (status < 0)
        video_close(reader);
    return status;
}

/* ---- decoding ---- */

static bool reads_on(const struct chunk_reader *r)
{
    return r->sequential >= SEQUENTIAL_READS;
}

static ist_status frame_failure(const struct chunk_reader *r, int64_t frame_idx, const char *what, ist_error *error)
{
    return error_set(error, IST_ERROR_DATA, "%s: frame %lld: %s", r->name, (long long)frame_idx, what);
}

/* Decodes one more picture and keeps it. */
static ist_status step(struct chunk_reader *r, int64_t skip_to, ist_error *error)
{
    const ist_status status = video_track_next(r->track, skip_to, error);
    const struct video_picture last = video_track_last(r->track);
    if (status == IST_OK && last.sound)
        picture_shelf_put(r->shelf, last.frame, last.picture);
    return status;
}

/* Decodes on up to the frame. IST_END: it went by without a sound picture. */
static ist_status decode_on(struct chunk_reader *r, int64_t frame_idx, int64_t skip_to, ist_error *error)
{
    ist_status status;
    struct video_picture last;
    do {
        status = step(r, skip_to, error);
        last = video_track_last(r->track);
    } while (status == IST_OK && last.frame < frame_idx);
    return status == IST_OK && (last.frame != frame_idx || !last.sound) ? IST_END : status;
}

static ist_status walk_from(struct chunk_reader *r, int64_t key, int64_t frame_idx, int64_t skip_to, bool threads,
                            ist_error *error)
{
    // Who goes on by a small step leaves nothing behind that would be wanted again.
    const ist_status status = video_track_seek(r->track, key, threads, r->sequential == 0, error);
    return status < 0 ? status : decode_on(r, frame_idx, skip_to, error);
}

/* True where a reader has come so far from the key picture that it is taken for one who reads on. */
static bool begins_to_read_on(const struct chunk_reader *r, int64_t key, int64_t frame_idx)
{
    return r->sequential == FIRST_READS && r->table->packet_of_frame[frame_idx] - key <= FIRST_READS + 1;
}

static ist_status decode_from(struct chunk_reader *r, int64_t key, int64_t frame_idx, int64_t skip_to, ist_error *error)
{
    const bool is_long =
        reads_on(r) || begins_to_read_on(r, key, frame_idx) || r->table->packet_of_frame[frame_idx] - key >= LONG_WAY;
    if (is_long && r->use_threads) {
        const ist_status status = walk_from(r, key, frame_idx, skip_to, true, error);
        if (status != IST_END || !video_track_has_threads(r->track))
            return status;
        r->use_threads = false;
    }
    return walk_from(r, key, frame_idx, skip_to, false, error);
}

/* The frame has no sound picture; nor have those that follow up to the next sound one, which need not be tried. */
static ist_status give_up(struct chunk_reader *r, int64_t frame_idx, ist_error *error)
{
    struct video_picture last = video_track_last(r->track);
    const bool damaged = last.picture && last.frame == frame_idx;
    ist_error ignored;
    while (last.picture && !(last.sound && last.frame > frame_idx)) {
        (void)step(r, 0, &ignored); // without a picture there is none
        last = video_track_last(r->track);
    }
    const int64_t next_sound = last.picture ? last.frame : frame_idx + 1;
    for (int64_t frame = frame_idx; frame < next_sound; frame++)
        r->lost[frame] = true;
    return frame_failure(r, frame_idx, damaged ? "is damaged" : "the decoder gave no picture", error);
}

static void choose_cache_size(struct chunk_reader *r, int64_t frame_idx)
{
    const int64_t distance = frame_idx - r->last_asked;
    r->sequential = distance > 0 && distance <= LONGEST_STEP ? r->sequential + 1 : 0;
    picture_cache_keep_few(r->cache, reads_on(r));
}

/* True where the decoder with threads can take over from the one without at little cost: at a key picture, or near. */
static bool can_change_decoder(const struct chunk_reader *r, int64_t key, int64_t frame_idx)
{
    const bool at_key = r->table->packet_of_frame[frame_idx] == key;
    return r->use_threads && !video_track_has_threads(r->track) &&
           ((reads_on(r) && at_key) || begins_to_read_on(r, key, frame_idx));
}

/* The usual case: the frame lies ahead, or it is reached from the key picture before it. */
static ist_status decode_usual(struct chunk_reader *r, int64_t key, int64_t frame_idx, ist_error *error)
{
    const int64_t last_asked = r->last_asked;
    const int64_t skip_to = r->skipping_is_safe ? frame_idx : 0;
    if (video_track_take_up(r->track, key, frame_idx) && !can_change_decoder(r, key, frame_idx)) {
        const ist_status status = decode_on(r, frame_idx, skip_to, error);
        const bool stumbled = status == IST_ERROR_DATA; // the way from the key picture may be whole
        if (!stumbled && (status != IST_END || !video_track_has_threads(r->track)))
            return status;
        r->use_threads &= stumbled;
    }
    // Who goes back by a small step goes on like that and wants what lies between as well.
    const bool goes_back = last_asked > frame_idx && last_asked - frame_idx <= LONGEST_STEP && !r->lost[last_asked];
    return decode_from(r, key, frame_idx, goes_back ? 0 : skip_to, error);
}

static ist_status decode_frame(struct chunk_reader *r, int64_t frame_idx, ist_error *error)
{
    int64_t key = packet_table_key_for(r->table, frame_idx);
    choose_cache_size(r, frame_idx);
    ist_status status = decode_usual(r, key, frame_idx, error);
    for (int tries = 0; status == IST_END && tries < KEYS_TO_TRY; tries++) {
        status = decode_from(r, key, frame_idx, 0, error);
        if (status == IST_OK && tries == 0)
            r->skipping_is_safe = false;
        if (key == 0)
            break;
        if (status == IST_END)
            key = packet_table_key_before(r->table, key);
    }
    return status == IST_END ? give_up(r, frame_idx, error) : status;
}

/* Whether the file has a packet for the frame. */
static ist_status find_packet(const struct chunk_reader *r, int64_t frame_idx, ist_error *error)
{
    if (frame_idx < 0 || frame_idx >= r->table->frame_count)
        return error_set(error, IST_ERROR_NOT_FOUND, "%s: frame %lld: the file ends before it", r->name,
                         (long long)frame_idx);
    if (r->table->packet_of_frame[frame_idx] < 0)
        return frame_failure(r, frame_idx, "the file breaks off before it", error);
    return IST_OK;
}

static ist_status get_picture(struct chunk_reader *r, int64_t frame_idx, const AVFrame **picture, ist_error *error)
{
    *picture = NULL;
    const ist_status found = find_packet(r, frame_idx, error);
    if (found < 0)
        return found;
    if (r->lost[frame_idx])
        return frame_failure(r, frame_idx, "is damaged", error);
    *picture = picture_shelf_get(r->shelf, frame_idx);
    if (*picture)
        return IST_OK;
    const struct video_picture last = video_track_last(r->track);
    const bool is_last = last.picture && last.frame == frame_idx && last.sound;
    const ist_status status = is_last ? IST_OK : decode_frame(r, frame_idx, error);
    *picture = video_track_last(r->track).picture;
    return status;
}

/* ---- reading ---- */

static ist_status read_frame(struct chunk_reader *r, int64_t frame_idx, ist_frame *frame, ist_error *error)
{
    const AVFrame *picture;
    ist_status status = get_picture(r, frame_idx, &picture, error);
    if (status < 0)
        return status;
    r->last_asked = frame_idx;
    // imgstore rounds sizes down to even ones; a file of an odd size has a column or row more.
    const int more_columns = picture->width - r->width, more_rows = picture->height - r->height;
    if (more_columns < 0 || more_columns > 1 || more_rows < 0 || more_rows > 1)
        return error_set(error, IST_ERROR_DATA, "%s: frame %lld: %d x %d pixels, but the store says %d x %d", r->name,
                         (long long)frame_idx, picture->width, picture->height, r->width, r->height);
    status = pixel_converter_convert(r->converter, picture, r->layout, frame, error);
    if (status < 0)
        return error_prefix(error, status, "%s: frame %lld", r->name, (long long)frame_idx);
    frame->width = r->width;
    frame->height = r->height;
    return IST_OK;
}

static ist_status video_read(struct chunk_reader *r, int64_t frame_idx, ist_frame *frame, ist_error *error)
{
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    const ist_status status = read_frame(r, frame_idx, frame, error);
    ffmpeg_log_end(&log);
    return status;
}

static ist_status video_check(struct chunk_reader *r, int64_t frame_idx, ist_error *error)
{
    bool right = false;
    struct ffmpeg_log log;
    ffmpeg_log_begin(&log);
    ist_status status = find_packet(r, frame_idx, error);
    if (status >= 0)
        status = video_file_check(video_track_file(r->track), frame_idx, &right, error);
    ffmpeg_log_end(&log);
    if (status >= 0 && !right)
        status = frame_failure(r, frame_idx, "is damaged: it is not what was recorded", error);
    return status;
}

static int64_t video_frame_count(const struct chunk_reader *r)
{
    return r->table->frame_count;
}

static int64_t video_key_for(const struct chunk_reader *r, int64_t frame_idx)
{
    if (frame_idx >= r->table->frame_count || r->table->packet_of_frame[frame_idx] < 0)
        return frame_idx;
    const int64_t key = r->table->packets[packet_table_key_for(r->table, frame_idx)].frame;
    return key >= 0 && key < frame_idx ? key : frame_idx;
}

static void video_follow(struct chunk_reader *r, const struct chunk_reader *before)
{
    r->sequential = before->sequential;
    r->last_asked = -1;
}

static void video_rest(struct chunk_reader *r)
{
    r->sequential = 0;
    video_track_rest(r->track);
}

const struct chunk_reader_calls video_reader_calls = {
    .open = video_open,
    .read = video_read,
    .check = video_check,
    .close = video_close,
    .frame_count = video_frame_count,
    .key_for = video_key_for,
    .follow = video_follow,
    .rest = video_rest,
};
