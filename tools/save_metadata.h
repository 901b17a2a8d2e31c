/* The user's metadata of a recording, from options and a file. */
#ifndef SAVE_METADATA_H
#define SAVE_METADATA_H

#include "cli.h"

/*
 * Reads a YAML mapping from `file`, unless it is NULL, and KEY=VALUE from `options`, which go over it. Gives the text
 * of a JSON object in *json, NULL if there are no metadata; freed with free(). Returns CLI_GO_ON, or says what is wrong
 * and returns an exit code.
 */
int save_metadata_collect(const char *file, const cli_list *options, char **json);

#endif
