//! What belongs to one thread, as far as the compiler can say.

use cnn_autograd::{BatchStatistics, Ctx, Error, Gradients, Step, Var};
use cnn_tensor::Tensor;

/// Compiles only for types that are not `Send`: for others the choice of implementation is ambiguous.
macro_rules! assert_not_send {
    ($($type:ty),*) => {
        $(const _: fn() = || {
            trait Ambiguous<A> {
                fn check() {}
            }
            impl<T: ?Sized> Ambiguous<()> for T {}
            struct Sendable;
            impl<T: ?Sized + Send> Ambiguous<Sendable> for T {}
            let _ = <$type as Ambiguous<_>>::check;
        };)*
    };
}

assert_not_send!(Var, Ctx);

const fn assert_send_and_sync<T: Send + Sync>() {}

const _: () = {
    assert_send_and_sync::<Tensor>();
    assert_send_and_sync::<Gradients>();
    assert_send_and_sync::<BatchStatistics>();
    assert_send_and_sync::<Step>();
    assert_send_and_sync::<Error>();
};

#[test]
fn variables_stay_on_their_thread_and_gradients_may_leave_it() {
    let gradients = std::thread::spawn(|| {
        let mut cx = Ctx::training(cnn_autograd::random::Key::new(1));
        let x = cx.variable(Tensor::scalar(2.0f32).unwrap());
        cx.backward(x.clone().mul(x).unwrap()).unwrap()
    });
    assert!(gradients.join().unwrap().gradients.is_empty());
}
