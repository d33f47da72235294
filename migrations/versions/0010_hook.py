"""The site's own rule: its address and secret, and its answer beside each verdict."""

import sqlalchemy as sa
from alembic import op

revision = '0010_hook'
down_revision = '0009_webhooks'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('site_hook',
    sa.Column('site_id', sa.String(), nullable=False),
    sa.Column('url', sa.String(), nullable=False),
    sa.Column('send', sa.JSON(), nullable=False),
    sa.Column('secret', sa.String(), nullable=False),
    sa.Column('old_secret', sa.String(), nullable=True),
    sa.Column('old_secret_until', sa.DateTime(), nullable=True),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('updated_at', sa.DateTime(), nullable=False),
    sa.Column('failed_at', sa.DateTime(), nullable=True),
    sa.Column('last_error', sa.String(), nullable=False),
    sa.Column('recovered_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_site_hook_site_id')),
    sa.PrimaryKeyConstraint('site_id', name=op.f('pk_site_hook'))
    )
    # Not in batch mode: a column that may be empty is added in place, and this table is the longest.
    op.add_column('decision', sa.Column('hook', sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column('decision', 'hook')
    op.drop_table('site_hook')
