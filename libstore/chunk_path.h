/* Names of the files of a chunk. */
#ifndef CHUNK_PATH_H
#define CHUNK_PATH_H

#include <limits.h>

/*
 * A video chunk that is being recorded is 000003.mp4.live. imgstore takes every name that ends in
 * .mp4 for a chunk, so that the ending must be another one; .live files hold acknowledged frames
 * and are never removed before all of them are in the final file.
 */
#define CHUNK_LIVE_ENDING ".live"

/* DIRECTORY/000003.mp4 */
void chunk_path_video(char path[PATH_MAX], const char *directory, int chunk, const char *extension);

/* DIRECTORY/000003 */
void chunk_path_folder(char path[PATH_MAX], const char *directory, int chunk);

/* DIRECTORY/000003/000007.tif, frame_idx within the chunk; `extension` without dot */
void chunk_path_image(char path[PATH_MAX], const char *directory, int chunk, int frame_idx, const char *extension);

/* The number at the beginning of a name: six digits, more only where six do not do. *rest is what follows. -1: none. */
int chunk_path_number(const char *name, const char **rest);

/* A file beside a video chunk, DIRECTORY/000003.npz, or in the folder of one of images, DIRECTORY/000003/index.npz */
void chunk_path_sidecar(char path[PATH_MAX], const char *directory, int chunk, int is_video, const char *ending);

#endif
