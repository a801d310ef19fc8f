"""The whole site apart from its sockets: a request goes in, a reply comes out."""

from __future__ import annotations

import logging

from embedded_booru.admission import check
from embedded_booru.booru import Booru
from embedded_booru.endpoints import Endpoints
from embedded_booru.errors import NotADay, Refusal, bad_request
from embedded_booru.images import image_reply, is_image_path
from embedded_booru.messages import Reply, Request, refusal_reply

logger = logging.getLogger(__name__)


class Application:
    """A booru with its addresses, as of a day unless a request names another."""

    def __init__(self, booru: Booru, as_of: str | None = None, image_base: str = "") -> None:
        self._booru, self._as_of = booru, as_of
        self._endpoints = Endpoints(image_base)

    def respond(self, request: Request) -> Reply:
        """Return the reply to any request, also to one that goes wrong."""
        try:
            return self._respond(request)
        except Refusal as refusal:
            return refusal_reply(refusal)
        except NotADay as error:
            return refusal_reply(bad_request(str(error)))
        except Exception as error:
            logger.exception("%s %s", request.method, request.target)
            return refusal_reply(Refusal(500, type(error).__name__, str(error)))

    def _respond(self, request: Request) -> Reply:
        check(request)
        view = self._booru.at(request.query.get("as_of", self._as_of))
        if is_image_path(request.path):
            return image_reply(request, view)
        return self._endpoints.answer(request, view)
