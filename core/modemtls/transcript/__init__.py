"""Transcripts: sessions with a modem as readable text, recorded without secrets, to be read and replayed.

``modemtls.open(port, record=FILE)`` and ``modemtls --record FILE`` write one, ``replay://FILE`` plays it, and
``modemtls transcript`` shows, imports and turns it into a test.
"""

from __future__ import annotations

from .recorder import Recorder
from .recording import RecordingPort
from .records import (
    Chunk,
    Direction,
    Failure,
    LineChange,
    Payload,
    Placeholder,
    Recording,
    Text,
    Transcript,
    TranscriptError,
)
from .text import parse, transcript_text

__all__ = [
    "Chunk",
    "Direction",
    "Failure",
    "LineChange",
    "Payload",
    "Placeholder",
    "Recorder",
    "Recording",
    "RecordingPort",
    "Text",
    "Transcript",
    "TranscriptError",
    "parse",
    "transcript_text",
]
