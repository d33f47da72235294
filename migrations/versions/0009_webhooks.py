"""Webhooks: the log of attempts, rotation of secrets, the number of a comment's events; notices to people."""

import sqlalchemy as sa
from alembic import op

revision = '0009_webhooks'
down_revision = '0008_access'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In place: a site's comments are too many to be copied.
    op.add_column('comment', sa.Column('event_sequence', sa.Integer(), server_default='0', nullable=False))
    with op.batch_alter_table('webhook_endpoint', schema=None) as batch_op:
        batch_op.add_column(sa.Column('old_secrets', sa.JSON(), server_default='[]', nullable=False))
        batch_op.add_column(sa.Column('version', sa.Integer(), server_default='1', nullable=False))
    with op.batch_alter_table('webhook_endpoint', schema=None) as batch_op:
        batch_op.alter_column('old_secrets', existing_type=sa.JSON(), server_default=None)
        batch_op.alter_column('version', existing_type=sa.Integer(), server_default=None)
    op.create_index('ix_delivery_endpoint_id_id', 'delivery', ['endpoint_id', 'id'], unique=False)
    op.create_table('delivery_attempt',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('delivery_id', sa.String(length=40), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('url', sa.String(), nullable=False),
    sa.Column('request_headers', sa.JSON(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('error', sa.String(), nullable=False),
    sa.Column('answer_headers', sa.JSON(), nullable=False),
    sa.Column('answer_body', sa.String(), nullable=False),
    sa.Column('answer_cut', sa.Boolean(), nullable=False),
    sa.Column('milliseconds', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['delivery_id'], ['delivery.id'], name=op.f('fk_delivery_attempt_delivery_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_delivery_attempt'))
    )
    op.create_index(op.f('ix_delivery_attempt_created_at'), 'delivery_attempt', ['created_at'], unique=False)
    op.create_index('ix_delivery_attempt_delivery_id_id', 'delivery_attempt', ['delivery_id', 'id'], unique=False)
    op.create_table('notice',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(), nullable=False),
    sa.Column('channel', sa.String(length=16), nullable=False),
    sa.Column('topic', sa.String(length=80), nullable=False),
    sa.Column('title', sa.String(), nullable=False),
    sa.Column('text', sa.String(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('due_at', sa.DateTime(), nullable=False),
    sa.Column('last_error', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('sent_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_notice_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice')),
    sa.UniqueConstraint('site_id', 'topic', name=op.f('uq_notice_site_id_topic'))
    )
    op.create_index('ix_notice_waiting', 'notice', ['due_at'], unique=False, sqlite_where=sa.text("state = 'waiting'"), postgresql_where=sa.text("state = 'waiting'"))


def downgrade() -> None:
    op.drop_table('notice')
    op.drop_table('delivery_attempt')
    op.drop_index('ix_delivery_endpoint_id_id', table_name='delivery')
    with op.batch_alter_table('webhook_endpoint', schema=None) as batch_op:
        batch_op.drop_column('version')
        batch_op.drop_column('old_secrets')
    op.drop_column('comment', 'event_sequence')
