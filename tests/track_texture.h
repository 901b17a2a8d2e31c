/* Pictures with known motion for the tracker's tests: plane waves, which can be moved by any amount exactly. */
#ifndef TRACK_TEXTURE_H
#define TRACK_TEXTURE_H

#include <libstore/frame.h>
#include <stdint.h>

/* A repeatable stream of random numbers; any seed will do. */
struct random {
    uint64_t state;
};

uint64_t random_bits(struct random *random);
double random_uniform(struct random *random); /* 0..1, 1 excluded */
double random_normal(struct random *random);

/* The seed for this run: TRACK_TEST_SEED in the environment, or a fixed one. Printed, so that a failure can be had
 * again. */
uint64_t random_seed(void);

enum { TEXTURE_WAVES = 60 };

struct texture {
    double level, contrast; /* mean and standard deviation in gray levels */
    double kx[TEXTURE_WAVES], ky[TEXTURE_WAVES], phase[TEXTURE_WAVES];
    double amplitude;
};

/* Waves in all directions, of wavelengths from `shortest` to `longest` px. */
struct texture texture_make(struct random *random, double shortest, double longest, double level, double contrast);

/* The same turned about x, y, clockwise on the screen. */
struct texture texture_turn(const struct texture *texture, double angle_rad, double x, double y);

/* Value and slope at a point. Slopes may be NULL. */
double texture_at(const struct texture *texture, double x, double y, double *slope_x, double *slope_y);

/*
 * Fills a frame that has its shape with the texture moved by dx to the right and dy down, plus noise of this standard
 * deviation, rounded and clipped to the range of the samples. All channels get the same. A negative deviation gives,
 * from the same random numbers, the same noise with the other sign.
 */
void texture_draw(const struct texture *texture, ist_frame *frame, double dx, double dy, double noise,
                  struct random *random);

/*
 * The Cramer-Rao bound: the least RMS error in px with which an unbiased estimator can find the motion of a ROI,
 * gain and brightness unknown, with noise of this standard deviation in each of two pictures.
 */
double texture_bound(const struct texture *texture, int x, int y, int width, int height, double noise);

#endif
