-- The index of a store, .index.sqlite: this text is what libstore executes on a new one.
--
-- The first four tables and chunk_index are imgstore's, version '1', as its
-- ImgStoreIndex.new_from_file() reads them. The others are libstore's own.
-- Row r + i + 1 of frames is the frame with index i, so that a frame is found through the rowid; r is the number of
-- frames that ring mode removed from the front (removed_frames), 0 in nearly all stores.

CREATE TABLE frames (
    chunk INTEGER,         -- number of the chunk, as in the name of its file or folder
    frame_idx INTEGER,     -- 0.. within the chunk
    frame_number INTEGER,  -- the camera's counter
    frame_time REAL        -- seconds, normally since 1970-01-01 UTC
);
CREATE INDEX chunk_index ON frames (chunk, frame_idx);

CREATE TABLE chunks (
    chunk INTEGER,
    chunk_path TEXT        -- DIRECTORY/000000 (video) or DIRECTORY/000000/index (images)
);

CREATE TABLE index_information (name TEXT, value TEXT);
INSERT INTO index_information VALUES ('version', '1');

CREATE TABLE summary (name TEXT, value REAL);
INSERT INTO summary VALUES
    ('frame_time_min', NULL), ('frame_time_max', NULL), ('frame_min', NULL), ('frame_max', NULL);

-- Extra data: JSON objects with the user's keys, bound to a frame, in the order of recording.
CREATE TABLE extra_data (
    frame INTEGER NOT NULL, -- rowid in frames
    data TEXT NOT NULL
);
CREATE INDEX extra_data_frame ON extra_data (frame);

-- What lies in each finished chunk, for finding frames by number and time without an index on
-- every value: the values of most chunks rise, and then the chunk is searched by bisection.
CREATE TABLE chunk_ranges (
    chunk INTEGER PRIMARY KEY,
    first_index INTEGER NOT NULL, -- rowid - 1 in frames, of its first frame
    frame_count INTEGER NOT NULL,
    number_min INTEGER NOT NULL,
    number_max INTEGER NOT NULL,
    numbers_rise INTEGER NOT NULL, -- 1: no number is below the one before it
    time_min REAL NOT NULL,
    time_max REAL NOT NULL,
    times_rise INTEGER NOT NULL
);

-- Checksums (CRC-32) of the frames of a chunk, 64 in a row, the last row of a chunk may hold fewer.
-- 8 bytes a frame, in all 8.2 with what SQLite adds: that of its pixels as they are stored (0: not
-- known), then that of its number (int64) and time (float64). All little-endian.
CREATE TABLE checksums (
    first INTEGER PRIMARY KEY, -- chunk * 2^32 + frame_idx of the first frame in the row
    sums BLOB NOT NULL
);

-- Frames that never came, each run of them before the frame that came next.
CREATE TABLE drops (
    frame INTEGER NOT NULL,        -- rowid in frames, of the next frame; one more than the last where none came
    cause TEXT NOT NULL,           -- camera, bus, queue
    first_number INTEGER NOT NULL, -- frame_number of the first of them
    count INTEGER NOT NULL,
    time REAL NOT NULL
);
CREATE INDEX drops_frame ON drops (frame);

-- Times by the camera's own clock, of the frames whose frame_time was made from it.
CREATE TABLE camera_times (
    frame INTEGER PRIMARY KEY, -- rowid in frames
    time REAL NOT NULL         -- seconds, from a zero of the camera's own
);

-- The store that this index belongs to: uuid. In a ring, the chunks below removed_chunks were removed, with
-- removed_frames frames in all; what is left of their files is to be removed too. When its recording ends all chunks get
-- other numbers, which are smaller by moved_by than those of the recording's beginning. While moving_by is there, the
-- name of a chunk's file may still be that of before, with a number that is higher by moving_by: it is looked for first.
CREATE TABLE store_information (name TEXT PRIMARY KEY, value TEXT);
