"""The names that specs answer to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._+-]*$")]
