/* The order of presentation as the coded pictures give it, for files whose time stamps do not. */
#ifndef PICTURE_ORDER_H
#define PICTURE_ORDER_H

#include <stdbool.h>
#include <stdint.h>

/* Places this far apart have nothing to do with each other. */
#define PICTURE_ORDER_SEQUENCE (INT64_C(1) << 40)

struct AVCodecParameters;
struct AVPacket;
struct picture_order;

/* NULL: the codec does not reorder pictures, as far as is known here (or there is no memory). */
struct picture_order *picture_order_create(const struct AVCodecParameters *codec);

struct picture_place {
    int64_t order; /* larger for pictures shown later */
    /*
     * It rises by the same step from each picture shown to the next, so that it tells where one is missing; except
     * where it begins anew, higher by PICTURE_ORDER_SEQUENCE or so. 0: the codec does not number its pictures.
     */
    int64_t number;
};

/*
 * Takes the next packet of the file and returns its place. *key, which the file says of the packet, is cleared where
 * the picture is certainly none to begin with.
 */
struct picture_place picture_order_add(struct picture_order *order, const struct AVPacket *packet, bool *key);

/* The step by which pictures are numbered, unless they show another one; 0: they are not. */
int picture_order_step(const struct picture_order *order);

/* True if all pictures but the one shown last are followed by those there are: it alone may lack some before it. */
bool picture_order_is_by_type(const struct picture_order *order);

/* Takes NULL. */
void picture_order_destroy(struct picture_order *order);

#endif
