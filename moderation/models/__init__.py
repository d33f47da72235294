"""The tables, in plain SQLAlchemy: an aggregate a file."""

from moderation.models.base import Base as Base
from moderation.models.base import UtcDateTime as UtcDateTime
from moderation.models.base import table_of as table_of
from moderation.models.base import utc_now as utc_now
from moderation.models.comment import Appeal as Appeal
from moderation.models.comment import Comment as Comment
from moderation.models.comment import Decision as Decision
from moderation.models.comment import Flag as Flag
from moderation.models.comment import Post as Post
from moderation.models.comment import Reader as Reader
from moderation.models.comment import Revision as Revision
from moderation.models.outbox import Delivery as Delivery
from moderation.models.outbox import Event as Event
from moderation.models.outbox import WebhookEndpoint as WebhookEndpoint
from moderation.models.site import ApiKey as ApiKey
from moderation.models.site import Audit as Audit
from moderation.models.site import IdempotencyKey as IdempotencyKey
from moderation.models.site import Membership as Membership
from moderation.models.site import ModelVersion as ModelVersion
from moderation.models.site import Moderator as Moderator
from moderation.models.site import PolicyVersion as PolicyVersion
from moderation.models.site import Site as Site
from moderation.models.upsert import insert_missing as insert_missing
