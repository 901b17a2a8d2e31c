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

/*
 * Takes the next packet of the file and returns its place: a number that is larger for pictures shown later.
 * *key, which the file says of the packet, is cleared where the picture is certainly none to begin with.
 */
int64_t picture_order_add(struct picture_order *order, const struct AVPacket *packet, bool *key);

/* Takes NULL. */
void picture_order_destroy(struct picture_order *order);

#endif
