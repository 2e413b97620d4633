#!/usr/bin/env python3
"""Draws the people: writes avatars/ID/character.svg and avatars/ID/avatar.yaml for each of them.

Needs nothing but Python 3 and gives the same files every time. The drawings are plain SVG (docs/avatar.md says what the
engine expects), so a person may as well be drawn by hand; here they are written down as shapes and numbers, because
eyes, lips and hair need the same curves in the drawing and in the rig.

Drawing units: the picture shows the square 0…1024; x grows to the viewer's right, y down. Light comes from the
viewer's upper left.
"""
import os

from david import David
from lin import Lin

AVATARS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    for person in (Lin(), David()):
        folder = os.path.join(AVATARS, person.id)
        os.makedirs(folder, exist_ok=True)
        svg, rig = person.draw()
        with open(os.path.join(folder, "character.svg"), "w", encoding="utf-8") as f:
            f.write(svg)
        with open(os.path.join(folder, "avatar.yaml"), "w", encoding="utf-8") as f:
            f.write(rig)


if __name__ == "__main__":
    main()
