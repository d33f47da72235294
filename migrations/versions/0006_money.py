"""Refunds of orders, changes of plan that wait for the period's end, notices, and what is fetched from a provider."""

import sqlalchemy as sa
from alembic import op

revision = '0006_money'
down_revision = '0005_token_keys'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('grant_refund',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('site_id', sa.String(), nullable=False),
    sa.Column('allowance_id', sa.String(length=40), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('reference', sa.String(length=255), nullable=False),
    sa.Column('refund_reference', sa.String(length=255), nullable=False),
    sa.Column('unlocks', sa.Integer(), nullable=True),
    sa.Column('grant_id', sa.String(length=40), nullable=True),
    sa.Column('taken', sa.Integer(), nullable=False),
    sa.Column('run_out', sa.Integer(), nullable=False),
    sa.Column('closed_posts', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(), nullable=False),
    sa.CheckConstraint('unlocks > 0 AND taken >= 0 AND run_out >= 0 AND run_out <= taken', name=op.f('ck_grant_refund_within_refund')),
    sa.ForeignKeyConstraint(['allowance_id'], ['allowance.id'], name=op.f('fk_grant_refund_allowance_id')),
    sa.ForeignKeyConstraint(['grant_id'], ['unlock_grant.id'], name=op.f('fk_grant_refund_grant_id')),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_grant_refund_site_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_grant_refund')),
    sa.UniqueConstraint('site_id', 'kind', 'refund_reference', name=op.f('uq_grant_refund_site_id_kind_refund_reference'))
    )
    with op.batch_alter_table('grant_refund', schema=None) as batch_op:
        batch_op.create_index('ix_grant_refund_allowance_id', ['allowance_id'], unique=False)
        batch_op.create_index('ix_grant_refund_site_id_kind_reference', ['site_id', 'kind', 'reference'], unique=False)

    with op.batch_alter_table('subscription', schema=None) as batch_op:
        batch_op.add_column(sa.Column('next_plan', sa.String(length=100), nullable=True))
        batch_op.add_column(sa.Column('next_plan_version', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('next_plan_at', sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column('notice_at', sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column('noticed_for', sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column('failed_for', sa.DateTime(), nullable=True))
        batch_op.create_index('ix_subscription_notice_at', ['notice_at'], unique=False)

    with op.batch_alter_table('subscription_transition', schema=None) as batch_op:
        batch_op.add_column(sa.Column('period_started_at', sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column('next_plan', sa.String(length=100), nullable=True))

    with op.batch_alter_table('provider', schema=None) as batch_op:
        batch_op.add_column(sa.Column('api_key', sa.String(), nullable=True))

    with op.batch_alter_table('provider_event', schema=None) as batch_op:
        batch_op.add_column(sa.Column('payment', sa.String(length=255), nullable=True))
        batch_op.create_index('ix_provider_event_site_id_payment', ['site_id', 'payment'], unique=False)
        batch_op.create_index('ix_provider_event_state_reason', ['state', 'reason'], unique=False)

    # Three days before the end, as a site that says nothing has it.
    sqlite = op.get_bind().dialect.name == 'sqlite'
    earlier = "strftime('%Y-%m-%d %H:%M:%f000', paid_until, '-3 days')" if sqlite else "paid_until - interval '3 days'"
    op.execute(f"UPDATE subscription SET notice_at = {earlier} WHERE state IN ('trialing', 'active') AND paid_until IS NOT NULL")


def downgrade() -> None:
    with op.batch_alter_table('provider_event', schema=None) as batch_op:
        batch_op.drop_index('ix_provider_event_state_reason')
        batch_op.drop_index('ix_provider_event_site_id_payment')
        batch_op.drop_column('payment')

    with op.batch_alter_table('provider', schema=None) as batch_op:
        batch_op.drop_column('api_key')

    with op.batch_alter_table('subscription_transition', schema=None) as batch_op:
        batch_op.drop_column('next_plan')
        batch_op.drop_column('period_started_at')

    with op.batch_alter_table('subscription', schema=None) as batch_op:
        batch_op.drop_index('ix_subscription_notice_at')
        for name in ('failed_for', 'noticed_for', 'notice_at', 'next_plan_at', 'next_plan_version', 'next_plan'):
            batch_op.drop_column(name)

    with op.batch_alter_table('grant_refund', schema=None) as batch_op:
        batch_op.drop_index('ix_grant_refund_site_id_kind_reference')
        batch_op.drop_index('ix_grant_refund_allowance_id')

    op.drop_table('grant_refund')
