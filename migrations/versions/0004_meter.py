"""The meter of free posts, and what plans say of comments."""

import sqlalchemy as sa
from alembic import op

revision = '0004_meter'
down_revision = '0003_provider'
branch_labels = None
depends_on = None

TOKENS = sa.text('token_sha256 IS NOT NULL')
UNUSED = sa.text('token_sha256 IS NOT NULL AND used_at IS NULL')
MERGED = sa.text('merged_into IS NOT NULL')


def upgrade() -> None:
    op.create_table('meter_account',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(), nullable=False),
    sa.Column('reader_id', sa.String(length=255), nullable=True),
    sa.Column('token_sha256', sa.String(length=64), nullable=True),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.Column('used_at', sa.DateTime(), nullable=True),
    sa.Column('merged_at', sa.DateTime(), nullable=True),
    sa.Column('merged_into', sa.String(length=40), nullable=True),
    sa.CheckConstraint('(reader_id IS NULL) <> (token_sha256 IS NULL)', name=op.f('ck_meter_account_is_reader_or_token')),
    sa.CheckConstraint('merged_at IS NULL OR token_sha256 IS NOT NULL', name=op.f('ck_meter_account_only_tokens_merge')),
    sa.ForeignKeyConstraint(['merged_into'], ['meter_account.id'], name=op.f('fk_meter_account_merged_into')),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_meter_account_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_meter_account')),
    sa.UniqueConstraint('site_id', 'reader_id', name=op.f('uq_meter_account_site_id_reader_id')),
    sa.UniqueConstraint('token_sha256', name=op.f('uq_meter_account_token_sha256'))
    )
    op.create_index('ix_meter_account_used_at', 'meter_account', ['used_at'], unique=False, sqlite_where=TOKENS, postgresql_where=TOKENS)
    op.create_index('ix_meter_account_unused', 'meter_account', ['created_at'], unique=False, sqlite_where=UNUSED, postgresql_where=UNUSED)
    op.create_index('ix_meter_account_merged_into', 'meter_account', ['merged_into'], unique=False, sqlite_where=MERGED, postgresql_where=MERGED)

    op.create_table('metered_post',
    sa.Column('account_id', sa.String(length=40), nullable=False),
    sa.Column('section', sa.String(length=100), nullable=False),
    sa.Column('post_id', sa.String(length=255), nullable=False),
    sa.Column('counted_at', sa.DateTime(), nullable=False),
    sa.Column('ends_at', sa.DateTime(), nullable=False),
    sa.Column('told', sa.Boolean(), nullable=False),
    sa.CheckConstraint('ends_at > counted_at', name=op.f('ck_metered_post_lasts')),
    sa.ForeignKeyConstraint(['account_id'], ['meter_account.id'], name=op.f('fk_metered_post_account_id')),
    sa.PrimaryKeyConstraint('account_id', 'section', 'post_id', name=op.f('pk_metered_post'))
    )
    op.create_index('ix_metered_post_ends_at', 'metered_post', ['ends_at'], unique=False)

    # With a default in the database no table is written anew, however many comments there are.
    op.add_column('comment', sa.Column('priority', sa.SmallInteger(), server_default=sa.text('0'), nullable=False))
    op.add_column('plan_version', sa.Column('may_comment', sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column('plan_version', sa.Column('comments_first', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.drop_index('ix_comment_queue', table_name='comment')
    op.create_index('ix_comment_queue', 'comment', ['site_id', 'status', 'priority', 'harm', 'id'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_comment_queue', table_name='comment')
    op.create_index('ix_comment_queue', 'comment', ['site_id', 'status', 'harm', 'id'], unique=False)
    op.drop_column('plan_version', 'comments_first')
    op.drop_column('plan_version', 'may_comment')
    op.drop_column('comment', 'priority')
    op.drop_index('ix_metered_post_ends_at', table_name='metered_post')
    op.drop_table('metered_post')
    op.drop_index('ix_meter_account_merged_into', table_name='meter_account')
    op.drop_index('ix_meter_account_unused', table_name='meter_account')
    op.drop_index('ix_meter_account_used_at', table_name='meter_account')
    op.drop_table('meter_account')
