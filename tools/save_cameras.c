#include "save_cameras.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_modes(const ist_camera *camera)
{
    for (int i = 0; i < camera->mode_count; i++) {
        const ist_camera_mode *mode = &camera->modes[i];
        printf("  format=%-16s size=%dx%d%s", mode->format, mode->width, mode->height,
               mode->smaller_too ? " and smaller" : "");
        if (mode->rate_max > 0)
            printf("  rate up to %g", mode->rate_max);
        printf("\n");
    }
    if (camera->mode_count == 0)
        printf("  its modes cannot be asked for: another program is using it\n");
}

static json_t *camera_json(const ist_camera *camera)
{
    json_t *modes = json_array();
    for (int i = 0; i < camera->mode_count; i++) {
        const ist_camera_mode *mode = &camera->modes[i];
        json_array_append_new(modes,
                              json_pack("{s:s, s:i, s:i, s:b, s:o}", "format", mode->format, "width", mode->width,
                                        "height", mode->height, "smaller_too", mode->smaller_too, "rate_max",
                                        mode->rate_max > 0 ? json_real(mode->rate_max) : json_null()));
    }
    return json_pack("{s:s, s:s, s:o}", "source", camera->location, "name", camera->name, "modes", modes);
}

static void print_json(const ist_camera *cameras, int count)
{
    json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, camera_json(&cameras[i]));
    char *text = json_dumps(list, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(list);
    if (text) {
        ist_json_shorten(text);
        puts(text);
    }
    free(text);
}

int save_cameras_print(bool json)
{
    ist_camera *cameras;
    int count;
    ist_error error;
    if (ist_camera_list(&cameras, &count, &error) < 0)
        return cli_fail("%s", error.message);
    if (json) {
        print_json(cameras, count);
    } else if (count == 0) {
        cli_note("there is no camera, of V4L2 (/dev/video0, ...) or GenICam (which takes libaravis-0.8-0)");
    }
    for (int i = 0; i < count && !json; i++) {
        printf("%s  %s\n", cameras[i].location, cameras[i].name);
        print_modes(&cameras[i]);
    }
    ist_camera_list_free(&cameras, count);
    return CLI_SUCCESS;
}

int save_cameras_find_first(char location[CAMERA_LOCATION_SIZE])
{
    ist_camera *cameras;
    int count;
    ist_error error;
    if (ist_camera_list(&cameras, &count, &error) < 0)
        return cli_fail("%s", error.message);
    if (count > 0)
        strcpy(location, cameras[0].location);
    ist_camera_list_free(&cameras, count);
    if (count == 0)
        return cli_fail("there is no camera, of V4L2 (/dev/video0, ...) or GenICam; --source says what else to record");
    return CLI_GO_ON;
}
