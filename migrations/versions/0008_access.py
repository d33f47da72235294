"""An account's grants are found by an index, and an account that cannot be settled holds up no other."""

import sqlalchemy as sa
from alembic import op

revision = '0008_access'
down_revision = '0007_coral'
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a batch, which would copy the table: adding a column that may be null is done at once everywhere.
    op.add_column('allowance', sa.Column('set_aside_until', sa.DateTime(), nullable=True))
    with op.batch_alter_table('unlock_grant', schema=None) as batch_op:
        batch_op.create_index('ix_unlock_grant_allowance_id_id', ['allowance_id', 'id'], unique=False)


def downgrade() -> None:
    op.drop_column('allowance', 'set_aside_until')
    with op.batch_alter_table('unlock_grant', schema=None) as batch_op:
        batch_op.drop_index('ix_unlock_grant_allowance_id_id')
