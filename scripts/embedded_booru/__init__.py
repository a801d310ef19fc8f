"""A small booru that serves itself: what the workflow builds from when nobody names a site."""

from embedded_booru.errors import BooruProblem, NotACorpus, NotADay, NotMischief
from embedded_booru.serving import serving
from embedded_booru.truth import truth

__all__ = ["BooruProblem", "NotACorpus", "NotADay", "NotMischief", "serving", "truth"]
