#!/usr/bin/python3
"""Makes tests/data/encoding: raw data turned into BGR by OpenCV (Debian's python3-opencv, 4.6), for tests/encoding_test.c.

cases.txt has a line for each case: code, bits, width and height of the data in pixels, samples a pixel. The data are
numbers that both sides compute; bgr.bin holds the pictures, one behind the other.
"""
import pathlib
import re

import cv2
import numpy as np

HERE = pathlib.Path(__file__).parent / "encoding"
SIZES = [(1, 1), (2, 1), (2, 2), (3, 2), (3, 3), (4, 3), (7, 5), (6, 6), (8, 6), (10, 9), (34, 12), (33, 21)]


def codes():
    """imgstore's codes, made as imgstore makes them."""
    found = {}
    for name in dir(cv2):
        match = re.match("^COLOR_([A-Za-z0-9_]+)2BGR($|_[A-Za-z0-9]*)", name)
        if match and not (match[2] and "ayer" in name.lower()):
            method = match[2].lower().replace("_", "")
            found["cv_" + match[1].lower().replace("_", "") + ("_" + method if method else "")] = getattr(cv2, name)
    return found


def numbers(seed, count, bits):
    values = np.empty(count, np.uint32)
    x = seed
    for i in range(count):
        x = (x * 1664525 + 1013904223) & 0xffffffff
        values[i] = x >> (32 - bits)
    return values.astype(np.uint8 if bits == 8 else np.uint16)


WANTED = ("bayerbg bayergb bayerrg bayergr bayerrggb bayergrbg bayerbggr bayergbrg gray rgb rgba bgra yuv_i420 yuv_iyuv "
          "yuv_yv12 yuv420p yuv_nv12 yuv_nv21 yuv420sp yuv_yuy2 yuv_yuyv yuv_yunv yuv_uyvy yuv_uynv yuv_y422 yuv_yvyu")

if __name__ == "__main__":
    lines, pictures, known = [], [], codes()
    for code in ("cv_" + c for c in WANTED.split()):
        is_yuv = code.startswith("cv_yuv")
        planar = is_yuv and ("420" in code or code[7:] in ("iyuv", "yv12", "nv12", "nv21"))
        samples = {"cv_rgb": 3, "cv_rgba": 4, "cv_bgra": 4}.get(code, 2 if is_yuv and not planar else 1)
        for bits in (8,) if is_yuv else (8, 16):
            for width, height in SIZES:
                if is_yuv and width % 2 or planar and height % 3:
                    continue  # cv2 raises, or writes behind its memory
                data = numbers(len(lines), height * width * samples, bits)
                data = data.reshape((height, width) if samples == 1 else (height, width, samples))
                pictures.append(cv2.cvtColor(data, known[code]).tobytes())
                lines.append(f"{code} {bits} {width} {height} {samples}\n")
    HERE.mkdir(exist_ok=True)
    (HERE / "cases.txt").write_text("".join(lines))
    (HERE / "bgr.bin").write_bytes(b"".join(pictures))
