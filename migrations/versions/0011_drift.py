"""How a site's scores moved from week to week."""

import sqlalchemy as sa
from alembic import op

revision = '0011_drift'
down_revision = '0010_hook'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('drift',
    sa.Column('site_id', sa.String(), nullable=False),
    sa.Column('week', sa.String(length=10), nullable=False),
    sa.Column('label', sa.String(), nullable=False),
    sa.Column('stability', sa.Double(), nullable=True),
    sa.Column('figures', sa.JSON(), nullable=False),
    sa.Column('measured_at', sa.DateTime(), nullable=False),
    sa.Column('told_at', sa.DateTime(), nullable=True),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_drift_site_id')),
    sa.PrimaryKeyConstraint('site_id', 'week', name=op.f('pk_drift'))
    )


def downgrade() -> None:
    op.drop_table('drift')
