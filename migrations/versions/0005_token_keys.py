"""Keys of entitlement tokens; a site that is there already gets its first one."""

import base64
import secrets
from datetime import datetime, timezone

import sqlalchemy as sa
from alembic import op

revision = '0005_token_keys'
down_revision = '0004_meter'
branch_labels = None
depends_on = None


def upgrade() -> None:
    keys = op.create_table('token_key',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(), nullable=False),
    sa.Column('private_key', sa.String(length=64), nullable=False),
    sa.Column('signs_from', sa.DateTime(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_token_key_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_token_key')),
    sa.UniqueConstraint('site_id', 'signs_from', name=op.f('uq_token_key_site_id_signs_from'))
    )
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    rows = [
        {
            'id': f'tky_{secrets.token_hex(13)}',
            'site_id': site_id,
            # The seed of an Ed25519 key is any 32 bytes (RFC 8032 5.1.5).
            'private_key': base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b'=').decode(),
            'signs_from': now,
            'created_at': now,
        }
        for (site_id,) in op.get_bind().execute(sa.text('SELECT id FROM site'))
    ]
    if rows:
        op.bulk_insert(keys, rows)


def downgrade() -> None:
    op.drop_table('token_key')
