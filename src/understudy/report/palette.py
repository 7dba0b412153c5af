"""The colours of every plot, in reports and in the studio: named here alone, without importing anything that draws."""

from __future__ import annotations

# Okabe and Ito's palette: told apart with every common kind of colour blindness, and by lightness in print
BLUE, ORANGE, GREEN, PURPLE, GREY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#767676", "#000000"
# ours, beside them: as far from the others, and seen on white as on black
OLIVE = "#9A7B00"
