#!/usr/bin/env python3
"""Turns a text file into a C array of its bytes: embed.py TEXT NAME OUTPUT."""
import sys

text, name, output = sys.argv[1:]
with open(text, "rb") as f:
    data = f.read() + b"\0"
with open(output, "w") as f:
    f.write(f"static const char {name}[] = {{\n")
    for i in range(0, len(data), 20):
        f.write("    " + ", ".join(map(str, data[i : i + 20])) + ",\n")
    f.write("};\n")
