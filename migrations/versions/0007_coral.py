"""Coral: the site's installation, answers to its phase, and the way back."""

import sqlalchemy as sa
from alembic import op

revision = '0007_coral'
down_revision = '0006_money'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('coral_site',
    sa.Column('site_id', sa.String(), nullable=False),
    sa.Column('secrets', sa.JSON(), nullable=False),
    sa.Column('url', sa.String(), nullable=False),
    sa.Column('token', sa.String(), nullable=False),
    sa.Column('decides', sa.String(length=16), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_coral_site_site_id')),
    sa.PrimaryKeyConstraint('site_id', name=op.f('pk_coral_site'))
    )
    op.create_table('coral_answer',
    sa.Column('site_id', sa.String(), nullable=False),
    sa.Column('key', sa.String(length=64), nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_coral_answer_site_id')),
    sa.PrimaryKeyConstraint('site_id', 'key', name=op.f('pk_coral_answer'))
    )
    with op.batch_alter_table('coral_answer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_coral_answer_created_at'), ['created_at'], unique=False)

    op.create_table('coral_look',
    sa.Column('site_id', sa.String(), nullable=False),
    sa.Column('coral_id', sa.String(length=255), nullable=False),
    sa.Column('asked_at', sa.DateTime(), nullable=False),
    sa.Column('due_at', sa.DateTime(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('error', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_coral_look_site_id')),
    sa.PrimaryKeyConstraint('site_id', 'coral_id', name=op.f('pk_coral_look'))
    )
    with op.batch_alter_table('coral_look', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_coral_look_due_at'), ['due_at'], unique=False)

    op.create_table('coral_comment',
    sa.Column('comment_id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(), nullable=False),
    sa.Column('story_id', sa.String(length=255), nullable=False),
    sa.Column('author_id', sa.String(length=255), nullable=False),
    sa.Column('html_sum', sa.String(length=64), nullable=False),
    sa.Column('text_sum', sa.String(length=64), nullable=False),
    sa.Column('coral_id', sa.String(length=255), nullable=True),
    sa.Column('revision_id', sa.String(length=255), nullable=False),
    sa.Column('coral_status', sa.String(length=40), nullable=False),
    sa.Column('due_at', sa.DateTime(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('error', sa.String(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.ForeignKeyConstraint(['comment_id'], ['comment.id'], name=op.f('fk_coral_comment_comment_id')),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_coral_comment_site_id')),
    sa.PrimaryKeyConstraint('comment_id', name=op.f('pk_coral_comment')),
    sa.UniqueConstraint('site_id', 'coral_id', name=op.f('uq_coral_comment_site_id_coral_id'))
    )
    with op.batch_alter_table('coral_comment', schema=None) as batch_op:
        batch_op.create_index('ix_coral_comment_author', ['site_id', 'story_id', 'author_id'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('coral_comment', schema=None) as batch_op:
        batch_op.drop_index('ix_coral_comment_author')

    op.drop_table('coral_comment')
    with op.batch_alter_table('coral_look', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_coral_look_due_at'))

    op.drop_table('coral_look')
    with op.batch_alter_table('coral_answer', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_coral_answer_created_at'))

    op.drop_table('coral_answer')
    op.drop_table('coral_site')
