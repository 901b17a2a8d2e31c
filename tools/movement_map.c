#include <math.h>
#include <stdlib.h>

#include "cli.h"
#include "movement_pictures.h"

enum {
    WIDTH_MIN = 640,
    WIDTH_MAX = 1200,
    LABELS_MAX = 40, // ROIs; beyond that their names hide them
    GROUPS_MAX = 24, // in the legend
    FRAME_VALUE_MAX = 255,
};

static const char frame_name[] = "frame.pgm";

/* ---- the first frame, gray, 8 bits ---- */

static double gray_at(const ist_frame *frame, int x, int y)
{
    const uint8_t *row = frame->data + y * frame->stride;
    double samples[3];
    for (int c = 0; c < frame->channels; c++) {
        const int i = x * frame->channels + c;
        samples[c] = frame->type == IST_PIXEL_U16 ? ((const uint16_t *)(const void *)row)[i] : row[i];
    }
    // ITU-R BT.601, as the tracker sees it.
    return frame->channels == 1 ? samples[0] : 0.114 * samples[0] + 0.587 * samples[1] + 0.299 * samples[2];
}

/* Writes the frame stretched to the whole range of gray, which shows 12 of 16 bits and faint pictures too. */
static int write_frame(const struct movement_job *job, const ist_frame *frame)
{
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (int y = 0; y < frame->height; y++)
        for (int x = 0; x < frame->width; x++) {
            low = fmin(low, gray_at(frame, x, y));
            high = fmax(high, gray_at(frame, x, y));
        }
    struct movement_file file;
    const int result = movement_file_open(&file, job, frame_name);
    if (result != CLI_GO_ON)
        return result;
    fprintf(file.stream, "P5 %5d %5d %d\n", frame->width, frame->height, FRAME_VALUE_MAX);
    const double scale = high > low ? FRAME_VALUE_MAX / (high - low) : 0;
    for (int y = 0; y < frame->height; y++)
        for (int x = 0; x < frame->width; x++)
            fputc((int)((gray_at(frame, x, y) - low) * scale + 0.5), file.stream);
    return movement_file_finish(&file);
}

/* ---- the script ---- */

/* How much paths are enlarged, 1, 2, 5, 10, ...: the longest becomes half a ROI, so that neighbours stay apart. */
static double enlargement(const struct movement_job *job, const struct movement_summary *summary)
{
    double side = 0;
    for (int i = 0; i < job->roi_count; i++) {
        const trk_roi roi = trk_roi_set_rois(job->rois)[i];
        side += sqrt((double)roi.width * roi.height) / job->roi_count;
    }
    const double largest = movement_sum_largest_px(&summary->all), most = side / 2;
    double factor = 1;
    for (int i = 0; factor < 1000 && largest > 0 && largest * factor * (i % 3 == 1 ? 2.5 : 2) <= most; i++)
        factor *= i % 3 == 1 ? 2.5 : 2;
    return factor;
}

/* One colour for each group, if there are several pictures; else for each ROI, as in the only one. */
static bool by_picture(const struct movement_pictures *pictures)
{
    return pictures->count > 1;
}

static void put_title(FILE *out, const struct movement_job *job, double factor)
{
    char title[PATH_MAX + 128];
    int length = snprintf(title, sizeof title, "%s: %d ROI%s on frame %lld", movement_store_name(job), job->roi_count,
                          job->roi_count == 1 ? "" : "s", (long long)job->first);
    if (factor > 1)
        snprintf(title + length, sizeof title - (size_t)length, ", paths enlarged %g times", factor);
    else
        snprintf(title + length, sizeof title - (size_t)length, " and their paths");
    fputs("set label 1 ", out);
    movement_put_text(out, title);
    fputs(" at screen 0.5, 1 - 20 / height center font ',15' noenhanced\n", out);
}

/* A line for each ROI: middle, half sides, colour, name. */
static void put_rois(FILE *out, const struct movement_job *job, const struct movement_pictures *pictures)
{
    fputs("\n# middle_x middle_y half_width half_height colour\n$rois << EOD\n", out);
    for (int i = 0; i < pictures->count; i++)
        for (int k = 0; k < pictures->items[i].count; k++) {
            const int number = pictures->rois[pictures->items[i].first + k];
            const trk_roi roi = trk_roi_set_rois(job->rois)[number];
            fprintf(out, "%d.%d %d.%d %d.%d %d.%d %d\n", roi.x + roi.width / 2, roi.width % 2 * 5,
                    roi.y + roi.height / 2, roi.height % 2 * 5, roi.width / 2, roi.width % 2 * 5, roi.height / 2,
                    roi.height % 2 * 5, (by_picture(pictures) ? i : k) + 1);
        }
    fputs("EOD\n", out);
}

static void put_labels(FILE *out, const struct movement_job *job)
{
    for (int i = 0; job->roi_count <= LABELS_MAX && i < job->roi_count; i++) {
        const trk_roi roi = trk_roi_set_rois(job->rois)[i];
        fprintf(out, "set label %d ", i + 2);
        movement_put_text(out, trk_roi_set_name(job->rois, i));
        fprintf(out, " at %d, %d offset 0.3, -0.6 left front noenhanced font ',12' tc rgb '#ffff60'\n", roi.x, roi.y);
    }
}

static void put_plot(FILE *out, const struct movement_job *job, const struct movement_pictures *pictures,
                     const ist_frame *first)
{
    fputs("\nplot ", out);
    if (first->data)
        fprintf(out,
                "'%s' binary array=(%d,%d) skip=19 format='%%uchar' origin=(0.5,0.5) using 1:1:1 with rgbimage "
                "notitle, \\\n     ",
                frame_name, first->width, first->height);
    fputs("$rois using 1:2:3:4:5 with boxxyerror fs empty lc variable lw 1.2 notitle", out);
    for (int i = 0; i < pictures->count; i++) {
        char colour[CLI_NUMBER_SIZE] = "$6";
        if (by_picture(pictures))
            snprintf(colour, sizeof colour, "%d", i + 1);
        const char *path = "using ($7 + enlarged * $2):($8 + enlarged * $3)";
        fprintf(out, ", \\\n     '%s' index %d %s with lines lc rgb '#50ffffff' lw 2.6 notitle", MOVEMENT_CURVES, 2 * i,
                path);
        fprintf(out, ", \\\n     '%s' index %d %s:(%s) with lines lc variable lw 1.2 notitle", MOVEMENT_CURVES, 2 * i,
                path, colour);
    }
    for (int i = 0; by_picture(pictures) && i < pictures->count && i < GROUPS_MAX; i++) {
        const int group = pictures->items[i].group;
        fprintf(out, ", \\\n     NaN with lines lt %d lw 3 title ", i + 1);
        movement_put_text(out, group < 0 ? "no group" : trk_roi_set_group_name(job->rois, group));
    }
    fputc('\n', out);
}

static int write_script(const struct movement_job *job, const struct movement_summary *summary,
                        const struct movement_pictures *pictures, const ist_frame *first)
{
    struct movement_file file;
    const int result = movement_file_open(&file, job, "rois.gnuplot");
    if (result != CLI_GO_ON)
        return result;
    FILE *out = file.stream;
    const int width = job->info->width, height = job->info->height;
    const int shown = width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
    const int entries = pictures->count < GROUPS_MAX ? pictures->count : GROUPS_MAX;
    const int columns = (shown + 60) / 150;
    const int legend = by_picture(pictures) ? 20 * ((entries + columns - 1) / columns) + 8 : 0;
    const double factor = enlargement(job, summary);
    fprintf(
        out,
        "# ROIs on the first frame, and their paths from curves.dat. Change what you like, then run gnuplot with this "
        "file.\n\nheight = %.0f.0\nenlarged = ",
        (double)shown * height / width + 70 + legend);
    movement_put_number(out, factor);
    fputs("\n", out);
    movement_put_colours(out, by_picture(pictures) ? pictures->count : pictures->items[0].count, 1.2);
    movement_put_terminal(out, "rois", shown + 60);
    put_title(out, job, factor);
    put_rois(out, job, pictures);
    put_labels(out, job);
    fprintf(out,
            "\nset xrange [0:%d]; set yrange [%d:0]\n"
            "set lmargin at screen %g; set rmargin at screen %g\n"
            "set tmargin at screen 1 - 38 / height; set bmargin at screen %d / height\n"
            "set border 15 lc rgb '#606060'; set tics out nomirror scale 0.6 tc rgb '#303030'\n"
            "set key at screen 0.5, %d / height center horizontal maxcols %d noenhanced samplen 1.5 width 2\n",
            width, height, 44.0 / (shown + 60), (44.0 + shown) / (shown + 60), 32 + legend, legend / 2, columns);
    put_plot(out, job, pictures, first);
    return movement_file_finish(&file);
}

int movement_write_map(const struct movement_job *job, const struct movement_summary *summary,
                       const struct movement_pictures *pictures, const ist_frame *first)
{
    const int result = first->data ? write_frame(job, first) : CLI_GO_ON;
    return result == CLI_GO_ON ? write_script(job, summary, pictures, first) : result;
}
