import pickle

import booru_release
import pytest
from booru_release.configuration import InvalidConfiguration
from booru_release.errors import ReleaseProblem
from booru_release.site_problems import SiteDown, SiteRefuses


class Problem(ReleaseProblem):
    """A problem without advice."""


class ProblemWithHint(ReleaseProblem):
    """A problem with advice for everybody."""

    hint = "make room"


def test_a_problem_is_its_message():
    assert str(Problem("disk: is full")) == "disk: is full"


def test_a_hint_follows_the_message():
    assert str(ProblemWithHint("disk: is full")) == "disk: is full\n  hint: make room"


def test_a_hint_of_its_own_follows_the_message():
    problem = InvalidConfiguration("top level", "unknown key `x`", "did you mean `y`?")
    assert str(problem) == "configuration: top level: unknown key `x`\n  hint: did you mean `y`?"
    assert (problem.place, problem.hint) == ("top level", "did you mean `y`?")


def test_a_message_can_be_had_without_its_hint():
    assert SiteDown("http://x", "no answer").args[0] == "http://x: no answer"


@pytest.mark.parametrize(
    "problem", [SiteDown("http://x", "no"), SiteRefuses("http://x", 404, "no")]
)
def test_every_problem_of_a_site_knows_its_address(problem):
    assert isinstance(problem, ReleaseProblem)
    assert problem.url == "http://x"


def test_a_plain_problem_survives_the_way_between_processes():
    again = pickle.loads(pickle.dumps(ProblemWithHint("disk: is full")))
    assert str(again) == "disk: is full\n  hint: make room"


def test_the_package_has_a_version():
    assert booru_release.__version__
