"""A site's settings, changed one by one: whoever changes another one at the same moment loses nothing."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from moderation.models import Site


def change(session: Session, site_id: str, **values: Any) -> None:
    """Set what is named; None takes a setting away."""
    query = sa.select(Site).where(Site.id == site_id).with_for_update()
    site = session.scalars(query, execution_options={"populate_existing": True}).one()
    # A new object: the old one's own change would go unnoticed.
    site.settings = {name: value for name, value in {**site.settings, **values}.items() if value is not None}
    session.flush()
