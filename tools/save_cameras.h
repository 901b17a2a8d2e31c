/* The cameras of this machine, for imgstore-save. */
#ifndef SAVE_CAMERAS_H
#define SAVE_CAMERAS_H

#include <libstore/libstore.h>

#include "cli.h"

enum { CAMERA_LOCATION_SIZE = sizeof(((ist_camera *)0)->location) };

/* Prints the cameras with their modes, as JSON if asked for. Returns the exit code. */
int save_cameras_print(bool json);

/* Gives the location of the first camera. Returns CLI_GO_ON, or says that there is none and returns an exit code. */
int save_cameras_find_first(char location[CAMERA_LOCATION_SIZE]);

#endif
