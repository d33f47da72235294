"""What gunicorn serves: one application a process, its model loaded before the first request."""

import logging

import sqlalchemy as sa

from moderation import scoring
from moderation.app import create_app
from moderation.db import db

logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
app = create_app()
with app.app_context():
    try:
        scoring.current().classifier()
    except sa.exc.SQLAlchemyError:
        # /readyz tells of it until the database answers; the first request after that loads the model.
        logging.getLogger("replydesk").warning("database: it does not answer yet")
    finally:
        db.session.remove()
