"""A picture of the pendulum for people, seen from the side: rail with marks every half metre, cart, pole."""

from __future__ import annotations

import numpy as np

SUPERSAMPLE = 3
VIEW_M = 2.4  # what the picture is wide, metres
CART_M = (0.4, 0.2)
POLE_M = (0.6, 0.098)

SKY, RAIL, MARK = (244, 245, 247), (150, 158, 170), (205, 210, 217)
CART, POLE, FALLING, HINGE = (62, 84, 122), (224, 148, 60), (205, 70, 60), (34, 40, 52)


def draw(state: np.ndarray, width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8 of a state (4,). The view follows the cart once that leaves the middle."""
    from PIL import Image, ImageDraw

    from .physics import FALL_ANGLE

    position, angle = (float(x) if np.isfinite(x) else 0.0 for x in state[:2])
    w, h = width * SUPERSAMPLE, height * SUPERSAMPLE
    scale = w / VIEW_M
    middle = position - float(np.clip(position, -0.6, 0.6))
    image = Image.new("RGB", (w, h), SKY)
    pen = ImageDraw.Draw(image)

    def at(x: float, z: float) -> tuple[float, float]:
        return w / 2 + (x - middle) * scale, h * 0.68 - z * scale

    for mark in np.arange(np.floor(middle * 2) / 2 - 1.5, middle + 1.6, 0.5):
        x, y = at(float(mark), 0)
        pen.line([(x, y), (x, y + 0.16 * scale)], fill=MARK, width=max(1, int(0.01 * scale)))
    pen.line([at(middle - VIEW_M, 0), at(middle + VIEW_M, 0)], fill=RAIL, width=max(1, int(0.04 * scale)))
    (left, top), (right, bottom) = (
        at(position - CART_M[0] / 2, CART_M[1] / 2),
        at(position + CART_M[0] / 2, -CART_M[1] / 2),
    )
    pen.rounded_rectangle([left, top, right, bottom], radius=CART_M[1] / 2 * scale, fill=CART)
    tip = position + POLE_M[0] * np.sin(angle), POLE_M[0] * np.cos(angle)
    colour = FALLING if abs(angle) > FALL_ANGLE else POLE
    pen.line([at(position, 0), at(*tip)], fill=colour, width=max(1, int(POLE_M[1] * scale)))
    for spot, radius, fill in (
        (tip, POLE_M[1] / 2, colour),
        ((position, 0.0), POLE_M[1] / 2, colour),
        ((position, 0.0), 0.022, HINGE),
    ):
        x, y = at(*spot)
        r = radius * scale
        pen.ellipse([x - r, y - r, x + r, y + r], fill=fill)
    return np.asarray(image.resize((width, height), Image.Resampling.BOX))
