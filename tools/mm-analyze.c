/* mm-analyze: measures the motion of regions of a recording. Here are its options; analyze.h tells the rest. */
#include "analyze.h"

static const char purpose[] = "Measures the motion of regions of interest (ROIs) in the recording STORE (its\n"
                              "directory or its metadata.yaml, or a plain video or TIFF stack). With no option:\n"
                              "the middle 60 % of the picture, against the first frame. A ROI is cut from one\n"
                              "frame and found again in every other; its motion is in pixels, x to the right,\n"
                              "y down.";

static const char more[] = "Shapes (--roi-grid to --roi-polygon) are filled with blocks, each a ROI of the\n"
                           "group NAME: NAME=NUMBERS, then what is not as usual:\n"
                           "  :block=16         width and height of a block in px, or :block=16x12\n"
                           "  :step=1           from one block to the next, in blocks: 0.5 overlaps, 2 has\n"
                           "                    gaps\n"
                           "  :ring=PX          width of a ring (ellipse, radial: filled; arc: 1.1 blocks)\n"
                           "  :distance=PX      from the line (one block)\n"
                           "  :sectors=8        of a radial\n"
                           "A block belongs to a shape if its middle lies in it. Blocks that leave the\n"
                           "picture are left out, and counted.\n"
                           "\n"
                           "Results, in a directory beside the store, in place of earlier ones:\n"
                           "  movement.csv      a line for each frame and ROI: frame_index, frame_number,\n"
                           "                    frame_time, roi, x, y, score, status. Status is empty, or\n"
                           "                    flat (no texture), lost (score too low), edge (at the border\n"
                           "                    of the search: the motion may be larger), missing (the frame\n"
                           "                    could not be read), gap (--restart: the motion while it was\n"
                           "                    lost is not in x and y), unsure (--min-gap)\n"
                           "  quality.csv       for each of them: score, how far the second best peak is\n"
                           "                    behind, standard errors of x and y\n"
                           "  groups.csv        a line for each frame and group: mean displacement,\n"
                           "                    displacement of the mean\n"
                           "  rotation.csv      with --rotation: clockwise, in degrees, and its standard\n"
                           "                    error\n"
                           "  brightness.csv    with --brightness: for each frame and ROI\n"
                           "  movement.svg      x and y over time, and the path; movement-GROUP.svg: of a\n"
                           "                    group, and displacement\n"
                           "  rois.svg          the ROIs and their paths on the first frame\n"
                           "  *.gnuplot         draw the pictures, from curves.dat and frame.pgm\n"
                           "  settings.json     everything that was asked for\n"
                           "With --heatmaps, as large as the picture, NaN where nothing was measured:\n"
                           "  displacement.tif  a page for each frame: how far each ROI has moved, px\n"
                           "  speed.tif         how fast it moved since the frame before, px/s\n"
                           "  direction.tif     where it has moved to, degrees: 0 right, 90 down, 180 left,\n"
                           "                    270 up\n"
                           "  *-mean.png, *-max.png of each, drawn by gnuplot from heatmaps.npy\n"
                           "With --stabilise: the motion taken back is the mean of all ROIs. A frame in\n"
                           "which none was measured is moved as the frame before. The copy appears when it\n"
                           "is whole; numbers, times and extra data are kept.\n"
                           "Ctrl-C, SIGTERM: the lines so far stay in movement.csv.part; exit code 1.";

int main(int argc, char **argv)
{
    struct analyze_request request = {.frames = {CLI_OPEN, CLI_OPEN}, .min_score = TRK_MIN_SCORE};
    const cli_option options[] = {
        {.type = CLI_HEADING, .name = "Regions"},
        {"roi", CLI_LIST, &request.rois, "X,Y,W,H",
         "a region: its upper left corner and its size in px; several may be given. NAME=X,Y,W,H gives it a name", 0,
         0},
        {"rois", CLI_LIST, &request.roi_files, "FILE",
         "regions with names and groups from a file, .yaml or .csv (x,y,width,height,name,group)", 0, 0},
        {"roi-grid", CLI_LIST, &request.shapes[ANALYZE_GRID], "NAME=X,Y,W,H",
         "a group of blocks that fill a rectangle; see Shapes below", 0, 0},
        {"roi-ellipse", CLI_LIST, &request.shapes[ANALYZE_ELLIPSE], "NAME=X,Y,W,H",
         "the ellipse in a rectangle, or a :ring= along its rim", 0, 0},
        {"roi-line", CLI_LIST, &request.shapes[ANALYZE_LINE], "NAME=X,Y,X,Y",
         "what lies within :distance= of the line between two points", 0, 0},
        {"roi-arc", CLI_LIST, &request.shapes[ANALYZE_ARC], "NAME=X,Y,X,Y,X,Y",
         "a :ring= inside the circle through three points or more", 0, 0},
        {"roi-radial", CLI_LIST, &request.shapes[ANALYZE_RADIAL], "NAME=X,Y,X,Y,X,Y",
         "the disc in such a circle, or a :ring=, in :sectors=, each a group: NAME-1, NAME-2, ...", 0, 0},
        {"roi-polygon", CLI_LIST, &request.shapes[ANALYZE_POLYGON], "NAME=X,Y,X,Y,X,Y", "the inside of a polygon", 0,
         0},
        {"save-rois", CLI_TEXT, &request.save_rois, "FILE", "write all regions to a file, .yaml or .csv, for --rois", 0,
         0},
        {.type = CLI_HEADING, .name = "Templates and search"},
        {"template", CLI_TEXT, &request.template, "WHAT",
         "what the ROIs are cut from: a frame's index (default: 0); previous: each frame is measured against the one "
         "before it, and the motion summed; mean or mean:A:B: the mean of all frames or of A to B-1; an image file of "
         "the picture's size, or of the size of all ROIs",
         0, 0},
        {"max-movement", CLI_INTEGER, &request.max_movement, "PX",
         "search so far in each direction (default: 0, the whole picture)", 0, 65535},
        {"follow", CLI_FLAG, &request.follow, NULL,
         "ROIs go with their features: --max-movement counts from where a feature was last measured", 0, 0},
        {"search-again", CLI_INTEGER, &request.search_again, "PX",
         "with --follow: search a lost feature so far from its last place (default: 4 times --max-movement)", 0, 65535},
        {"renew", CLI_INTEGER, &request.renew_every, "N", "cut templates anew every N frames; errors then add up", 1,
         INT32_MAX},
        {"renew-below", CLI_NUMBER, &request.renew_below, "S", "cut a template anew when its score falls below S", -1,
         1},
        {"restart", CLI_INTEGER, &request.restart_after, "N",
         "with renewed templates: cut that of a ROI anew which was lost for N frames; its status is gap from then on, "
         "as "
         "its sum lacks the motion in between (default: it stays lost until the last template fits again)",
         1, INT32_MAX},
        {"min-score", CLI_NUMBER, &request.min_score, "S",
         "below this correlation a ROI is lost, -1 to 1 (default: 0.5)", -1, 1},
        {"min-gap", CLI_NUMBER, &request.min_gap, "G",
         "a ROI is unsure if another place, or angle, scores less than G below the best, 0 to 2; 0.1 finds out most "
         "false matches "
         "of searches in the whole picture (default: 0, none is)",
         0, 2},
        {"rotation", CLI_FLAG, &request.rotation, NULL,
         "measure how far ROIs turn, too: the disc that fits into each. With --upscale only for --movemeter", 0, 0},
        {"max-rotation", CLI_NUMBER, &request.max_rotation, "DEG",
         "with --rotation: angles up to DEG either way, at most 180, with --follow from frame to frame (default: any, "
         "and "
         "whole turns count)",
         0, 180},
        {"upscale", CLI_NUMBER, &request.upscale, "U",
         "measure in steps of 1/U px, on pictures enlarged U times (default: fractions of any size; with --movemeter "
         "1)",
         0.001, TRK_UPSCALE_MAX},
        {.type = CLI_HEADING, .name = "Frames"},
        {"frames", CLI_RANGE, &request.frames, "A:B", "measure the frames A to B-1; either may be left out", 0, 0},
        {"difference", CLI_FLAG, &request.difference, NULL, "measure each frame minus the one before it", 0, 0},
        {"background", CLI_TEXT, &request.background, "WHAT",
         "subtract first what does not move: minimum, mean or median of all frames at each pixel, or with :A:B of A to "
         "B-1",
         0, 0},
        {"blur", CLI_NUMBER, &request.blur, "PX", "blur frames first, with a Gaussian of this standard deviation", 0,
         TRK_BLUR_MAX_PX},
        {.type = CLI_HEADING, .name = "Results"},
        {"output", CLI_TEXT, &request.output, "DIR", "directory for the results (default: STORE-movement)", 0, 0},
        {"json", CLI_FLAG, &request.json, NULL, "print a summary for programs instead of one for people", 0, 0},
        {"brightness", CLI_TEXT, &request.brightness, "SCALE",
         "write brightness.csv, too: absolute, or relative to the minimum or the range (0 to 1) of the ROI, or "
         "movemeter: (v - minimum) / maximum",
         0, 0},
        {"heatmaps", CLI_FLAG, &request.heatmaps, NULL,
         "also draw maps: displacement, speed and direction of each ROI, for every frame, their mean and maximum", 0,
         0},
        {"speed-per-frame", CLI_FLAG, &request.speed_per_frame, NULL, "with --heatmaps: speed in px/frame, not px/s", 0,
         0},
        {.type = CLI_HEADING, .name = "Stabilised copy"},
        {"stabilise", CLI_TEXT, &request.stabilise, "OUT",
         "also write a copy in which the ROIs stand still: a new store, or what the ending of OUT says: .mp4, .mkv, "
         ".avi, .tif, .npy",
         0, 0},
        {"crop", CLI_FLAG, &request.crop, NULL, "with --stabilise: only what is in view in every frame", 0, 0},
        {"black", CLI_FLAG, &request.black, NULL,
         "with --stabilise: what is not in view is black (default: the picture's border, repeated)", 0, 0},
        {"turn", CLI_FLAG, &request.turn, NULL,
         "with --stabilise: take back turns of the picture, too, as two or more ROIs tell them, or with --rotation any",
         0, 0},
        {"format", CLI_TEXT, &request.stabilise_format, "FORMAT",
         "with --stabilise: of the new store (default: as STORE)", 0, 0},
        {"quality", CLI_INTEGER, &request.stabilise_quality, "1..100",
         "with --stabilise: of video and jpg; 100 keeps every gray value (default: 90, avi 96, jpg 95)", 1, 100},
        {.type = CLI_HEADING, .name = "movemeter's numbers"},
        {"movemeter", CLI_FLAG, &request.movemeter, NULL,
         "give movemeter's numbers: x and y are MINUS the motion, in steps of 1/U px. Takes --template 0, previous or "
         "mean, and --background minimum",
         0, 0},
        {"absolute", CLI_FLAG, &request.absolute, NULL, "with --movemeter: x and y are places in the picture", 0, 0},
        {.type = CLI_HEADING, .name = "Speed"},
        {"threads", CLI_INTEGER, &request.threads, "N",
         "threads that measure, and as many that decode (default: 0, one for each processor); results do not depend on "
         "it",
         0, ANALYZE_THREADS_MAX},
        {0},
    };
    const cli_tool tool = {
        .name = "mm-analyze",
        .example = "mm-analyze mystore/metadata.yaml\n"
                   "mm-analyze --roi lid=120,80,64,64 --max-movement 20 mystore\n"
                   "mm-analyze --roi-grid skin=100,80,320,240:block=32 --max-movement 10 mystore\n"
                   "mm-analyze --roi wall=10,10,80,60 --stabilise still mystore",
        .purpose = purpose,
        .arguments = "[OPTIONS] STORE",
        .options = options,
        .argument_min = 1,
        .argument_max = 1,
        .more = more,
    };
    char **arguments;
    int argument_count;
    int result = cli_parse(&tool, argc, argv, &arguments, &argument_count);
    if (result == CLI_GO_ON) {
        struct movement_written written = {0};
        struct movement_warnings warnings = {0};
        struct movement_job job = {.written = &written, .warnings = &warnings};
        result = analyze_read_rois(&job, &request);
        if (result == CLI_GO_ON)
            result = analyze_find_places(&job, &request, arguments[0]);
        if (result == CLI_GO_ON)
            result = cli_finish(analyze_run(&job, &request));
        trk_roi_set_destroy(&job.rois);
        movement_written_free(&written);
    }
    cli_list_free(&request.rois);
    cli_list_free(&request.roi_files);
    for (int i = 0; i < ANALYZE_SHAPES; i++)
        cli_list_free(&request.shapes[i]);
    return result;
}
