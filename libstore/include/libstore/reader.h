/* Reading a store: frames by index, number and time, and everything known about them. */
#ifndef LIBSTORE_READER_H
#define LIBSTORE_READER_H

#include <libstore/frame.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A store opened for reading. Nothing in the store is changed. A store whose recorder died is
 * read as it lies, up to the last frame that was acknowledged.
 *
 * Chunks may be missing, or lack their index or their pixels. Frames that no index knows are left
 * out, and index counts on behind them; frames without pixels fail when they are read, and those
 * behind them can be read. ist_reader_problem() says what is not there.
 *
 * The 16 chunks read last stay open (a file each), so that going to and fro between them costs
 * no more than within one; decoded pictures and decoders of all of them share one cache, ist_reader_set_cache().
 *
 * Thread-safety: one thread at a time; several readers may share a store.
 */
typedef struct ist_reader ist_reader;

typedef struct ist_reader_info {
    const char *path;           /* the store's directory, or the plain file */
    const char *class_name;     /* "VideoImgStore" or "DirectoryImgStore"; "": a plain file */
    const char *format;         /* as in metadata.yaml, "avc1/mp4"; of a plain file its ending, "mp4" */
    const char *encoding;       /* of raw data, "cv_bayerbg"; "": none. Frames are delivered as BGR */
    const char *uuid;           /* 32 hex digits; "": none */
    const char *timezone;       /* IANA name of the place of recording */
    const char *user_metadata;  /* text of a JSON object */
    bool user_metadata_changed; /* it is not what was recorded: it was edited since, or is damaged */
    double created_s;           /* when the store was created, seconds since 1970 UTC */
    int width;                  /* px, of the frames that are delivered, as the next two */
    int height;                 /* px */
    int channels;               /* 1 or 3 */
    ist_pixel_type type;        /* as metadata.yaml says; a frame has the type of its own file, which may differ */
    int chunksize;              /* frames a chunk as metadata.yaml says; chunks may hold fewer or more */
    int chunk_count;
    bool lossless;   /* the format keeps every sample */
    bool unfinished; /* it is being recorded, or its recorder died */
    int64_t frame_count;
    int64_t number_min; /* 0 when there are no frames, as the next three */
    int64_t number_max;
    double time_min_s;
    double time_max_s;
    int removed_chunks;     /* the chunks below this number went, because the recording keeps only the newest frames
                               (writer.h, keep_s). 0 in nearly all stores, and when the recording has ended */
    int64_t removed_frames; /* so many frames went. 0 in nearly all stores. Index 0 is the first that is there */
    int64_t dropped[IST_DROP_CAUSE_COUNT]; /* frames that never came, by cause; of a store being recorded, those up to
                                              the frames that are known */
} ist_reader_info;

typedef enum ist_match {
    IST_MATCH_EXACT = 0,
    IST_MATCH_NEAREST = 1, /* of two equally near, the one with the smaller value; of the same value, the first */
} ist_match;

/* What a store lacks. */
typedef enum ist_problem_kind {
    IST_PROBLEM_CHUNK_MISSING = 0, /* of these numbers, between those of other chunks, there is nothing */
    IST_PROBLEM_NO_INDEX = 1,      /* pixels without numbers and times: left out */
    IST_PROBLEM_BAD_INDEX = 2,     /* the index of the chunk is damaged, or cannot be read: left out */
    IST_PROBLEM_NO_PIXELS = 3,     /* the index lists frames whose pixels are not there */
    IST_PROBLEM_BAD_CHUNK = 4,     /* the chunk cannot be opened, or frames in it are damaged */
    IST_PROBLEM_BAD_EXTRA = 5,     /* extra data are damaged, or in HDF5 without support for it, or drops and camera
                                      times are damaged: left out */
} ist_problem_kind;

typedef struct ist_problem {
    ist_problem_kind kind;
    int chunk;           /* number of the chunk, as it is in the file's name; the first of */
    int chunk_count;     /* as many; 1 except for IST_PROBLEM_CHUNK_MISSING */
    int64_t first_index; /* the frames lie among these; of frames left out: where they would have come, -1: unknown */
    int64_t frame_count; /* 0: not known */
    const char *text;    /* for a person, in one line */
} ist_problem;

/*
 * Opens the store in directory `path`; the path of its metadata.yaml serves as well. The path of a plain video or of a
 * TIFF stack (.tif, .tiff) opens that file as if it were a store of one chunk: numbers are indices, times are those of
 * presentation, seconds from the first frame (of pages 25 a second), and pixels are those that ist_source_open() has.
 *
 * Of Motif and of forks of imgstore it reads what differs: VideoImgStoreFFMPEG, extra data in
 * .extra_data.json and .extra_data.h5, and index.db. A store that has an index.db counts its times in
 * milliseconds from the beginning of the recording: they are given as seconds since 1970, as created_s + ms / 1000.
 *
 * IST_ERROR_NOT_FOUND: there is no store. IST_ERROR_DATA: its metadata or every index is damaged; what libstore wrote
 * in metadata.yaml about the pixels (`__store`) is compared with its checksum. IST_ERROR_UNSUPPORTED: a version, format
 * or encoding that this library does not read. IST_ERROR_IO.
 */
IST_API IST_MUST_CHECK ist_status ist_reader_open(ist_reader **reader, const char *path, ist_error *error);

/*
 * Takes in what was recorded since the store was opened or last refreshed; ist_reader_get_info() says
 * what there is then. The place of ist_reader_next() stays, so that after IST_END it goes on with the
 * new frames. Of a finished store nothing changes.
 *
 * A recording may keep only its newest frames (writer.h, keep_s). Those that it removed since the last refresh are
 * IST_ERROR_NOT_FOUND when they are asked for, unless their file is still open here. With the refresh the index of
 * every frame becomes smaller by as many as were removed: by what ist_reader_info.removed_frames has grown.
 *
 * IST_ERROR_IO, IST_ERROR_DATA: the index cannot be read; the reader stays as it was.
 * Cost: well below a millisecond; the next read from a video chunk that has grown looks through it anew, 1 to 2 us a
 * frame.
 */
IST_API IST_MUST_CHECK ist_status ist_reader_refresh(ist_reader *reader, ist_error *error);

/*
 * Keeps decoded pictures up to this many bytes, 256 MiB unless this is called; 0: none. Frames that were decoded a
 * short while ago, also on the way to others, then cost nothing but their conversion. Images in folders are not kept.
 *
 * Up to 16 decoders, with their threads, stay besides where frames were read, as far as about half as many bytes go
 * (all 16 at 640 x 480, two or three at 1920 x 1080). A frame that lies ahead of one in its GOP is reached from there:
 * who reads in turn at two places, a frame and one some seconds later, reads on at both.
 */
IST_API void ist_reader_set_cache(ist_reader *reader, size_t bytes);

/*
 * Lets up to `most` threads decode, 1 or more, but no more than there are processors; IST_READER_THREADS unless this is
 * called. Holds for chunks opened from now on, so it should come before the first frame is read. Several serve those
 * who read on and long ways from a key frame, where the codec can; the frames are the same.
 */
#define IST_READER_THREADS 8
IST_API void ist_reader_set_threads(ist_reader *reader, int most);

/* What the store holds. Valid until the reader is refreshed or closed. */
IST_API const ist_reader_info *ist_reader_get_info(const ist_reader *reader);

/*
 * Reads the frame behind the one last read, the first one at the beginning, into `frame`, whose
 * buffer is used again. IST_END: there are no more.
 * A failure (as for ist_reader_read_index) does not stop the way: the next call goes on behind it.
 */
IST_API IST_MUST_CHECK ist_status ist_reader_next(ist_reader *reader, ist_frame *frame, ist_error *error);

/*
 * Reads the frame with this index, 0..frame_count-1.
 *
 * IST_ERROR_NOT_FOUND: there is no such frame. IST_ERROR_DATA: its pixels are missing or
 * damaged; other frames may be sound. IST_ERROR_IO: the disk does not answer. IST_ERROR_MEMORY.
 * Cost: in a video, decoding from the key frame before it; nothing extra when the frame follows the last one read.
 */
IST_API IST_MUST_CHECK ist_status ist_reader_read_index(ist_reader *reader, int64_t index, ist_frame *frame,
                                                        ist_error *error);

/*
 * Compares what this frame is stored in with what was recorded, by its checksum and without decoding it. IST_OK: it is
 * the same, or there is no checksum (stores of other programs). IST_ERROR_DATA: it is not, or it is missing; nor can be
 * read then what is predicted from it, in a video the frames up to the next key frame. Other status as for
 * ist_reader_read_index. Cost, in the order of the frames: reading the bytes.
 */
IST_API IST_MUST_CHECK ist_status ist_reader_check_index(ist_reader *reader, int64_t index, ist_error *error);

/*
 * Finds the last frame at or before this one that can be read without decoding others: a key frame of a video; of
 * images the frame itself. For those who would rather show something near at once. Status as for
 * ist_reader_read_index.
 */
IST_API IST_MUST_CHECK ist_status ist_reader_find_key(ist_reader *reader, int64_t index, int64_t *key,
                                                      ist_error *error);

/* Reads the frame with this number; of several, the first. Status as for ist_reader_read_index. */
IST_API IST_MUST_CHECK ist_status ist_reader_read_number(ist_reader *reader, int64_t number, ist_match match,
                                                         ist_frame *frame, ist_error *error);

/*
 * Reads the frame whose time is nearest. Status as for ist_reader_read_index; IST_ERROR_ARGUMENT: a time that is not
 * finite.
 */
IST_API IST_MUST_CHECK ist_status ist_reader_read_time(ist_reader *reader, double time_s, ist_frame *frame,
                                                       ist_error *error);

/*
 * Finds the index of a frame by its number or nearest time, without reading pixels.
 * IST_ERROR_NOT_FOUND: no such frame, or the store is empty.
 * Cost: logarithmic in the number of frames where numbers or times rise within a chunk, else the length of a chunk.
 */
IST_API IST_MUST_CHECK ist_status ist_reader_find_number(ist_reader *reader, int64_t number, ist_match match,
                                                         int64_t *index, ist_error *error);
IST_API IST_MUST_CHECK ist_status ist_reader_find_time(ist_reader *reader, double time_s, int64_t *index,
                                                       ist_error *error);

/*
 * Copies numbers and times of the frames first..first+count-1 into arrays of `count` elements
 * each; either array may be NULL. IST_ERROR_NOT_FOUND: the range leaves the store.
 */
IST_API IST_MUST_CHECK ist_status ist_reader_frame_metadata(ist_reader *reader, int64_t first, int64_t count,
                                                            int64_t *numbers, double *times_s, ist_error *error);

/*
 * Copies the times of the frames first..first+count-1 by the camera's own clock, from a zero of its own, into an array
 * of `count` elements; NAN where it is not known, as in every store whose camera has no clock.
 * IST_ERROR_NOT_FOUND: the range leaves the store.
 */
IST_API IST_MUST_CHECK ist_status ist_reader_camera_times(ist_reader *reader, int64_t first, int64_t count,
                                                          double *times_s, ist_error *error);

/*
 * Extra data of the frames first..first+count-1 as the text of a JSON array of objects, in the
 * order of recording: the user's keys, frame_time, frame_number and frame_index. The caller
 * frees *json with ist_free().
 */
IST_API IST_MUST_CHECK ist_status ist_reader_extra(ist_reader *reader, int64_t first, int64_t count, char **json,
                                                   ist_error *error);

/*
 * Number of the i-th chunk, i = 0..chunk_count-1, as it is in the file's name, and its frames. When the recording of a
 * ring (writer.h, keep_s) ends the chunks get other numbers; a reader that comes upon them goes on with these, and -1
 * for a chunk that was removed.
 */
IST_API void ist_reader_chunk(const ist_reader *reader, int i, int *chunk, int64_t *first_index, int64_t *frame_count);

/*
 * The i-th thing that the store lacks, i = 0, 1, ..., or NULL behind the last. To list them all:
 *     for (int i = 0; (problem = ist_reader_problem(reader, i)); i++)
 *
 * Opening finds what a listing of the directory shows, in the order of chunks. Damage inside of chunks shows only when
 * their frames are read, and adds to the end of the list: one entry for each chunk and kind, whose frames grow.
 * Entries are valid until the reader is closed.
 */
IST_API const ist_problem *ist_reader_problem(const ist_reader *reader, int i);

/*
 * All frames that never came, in the order of the frames around them: allocated in *drops, freed with ist_free(), and
 * their number in *count. NULL where there are none, or where what is written beside a chunk of them is damaged:
 * ist_reader_info.dropped still counts them.
 */
IST_API IST_MUST_CHECK ist_status ist_reader_drops(ist_reader *reader, ist_drop **drops, int64_t *count,
                                                   ist_error *error);

/* Frees what a reader handed over. Takes NULL. */
IST_API void ist_free(void *memory);

/* Closes the reader and sets *reader to NULL. Takes a NULL reader. */
IST_API void ist_reader_close(ist_reader **reader);

#ifdef __cplusplus
}
#endif
#endif
